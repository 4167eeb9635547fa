package registry

import "context"

// AuditInRounds is AuditWith, but puts no more than n payments together from their
// stray decisions at a time.
func (r *Registry) AuditInRounds(ctx context.Context, rows AuditRows, n int) (AuditResult, error) {
	return r.AuditWith(ctx, rows, AuditOptions{straysMax: n})
}
