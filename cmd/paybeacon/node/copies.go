package node

import (
	"context"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	paysync "github.com/paybeacon/paybeacon/sync"
)

// Copies returns what shows that a data directory was put back to an older copy, or
// is in use twice: what members hold of this registry that it lost itself, and the
// members of whose keys there are two processes. A member that was revoked shows
// nothing any more.
func (n *Registry) Copies(ctx context.Context) (putBack []api.PutBack, rivals []api.Rivalry, err error) {
	err = n.store.View(ctx, func(v *store.View) error {
		lost := map[pay.NodeID]pay.PutBack{}
		if err := v.PutBacks(func(node pay.NodeID, p pay.PutBack) error {
			lost[node] = p
			return nil
		}); err != nil {
			return err
		}
		twice := map[pay.NodeID]paysync.Rivalry{}
		if n.server != nil {
			twice = n.server.Rivals()
		}
		if len(lost)+len(twice) == 0 {
			return nil
		}
		return n.role.Members(v, func(m pay.NodeStatus) error {
			id := m.Node.ID()
			if p, ok := lost[id]; ok && !m.Revoked {
				putBack = append(putBack, putBackObject(m, p))
			}
			if r, ok := twice[id]; ok && !m.Revoked {
				rivals = append(rivals, api.Rivalry{Node: id.String(), Name: m.Name, Since: pay.TimeOf(r.Since).String()})
			}
			return nil
		})
	})
	return putBack, rivals, err
}

func putBackObject(m pay.NodeStatus, p pay.PutBack) api.PutBack {
	return api.PutBack{
		Node: m.Node.ID().String(), Name: m.Name, Since: p.Since.String(),
		Entries: p.Seq, EntriesHere: p.Head, Claims: p.Acked, ClaimsHere: p.Number, Forked: p.Forked, Proven: p.Proven,
	}
}

// putBackError returns why a registry is not ready that was put back to an older
// copy, or nil. The mere word of a node is not enough for that.
func (n *Registry) putBackError(ctx context.Context) error {
	lost, _, err := n.Copies(ctx)
	if err != nil {
		return err
	}
	for _, p := range lost {
		if p.Proven {
			return pay.NewError(pay.CodeOldCopy, PutBackSentence(p), HintPutBack)
		}
	}
	return nil
}

// HintPutBack says what to do about a registry that was put back.
const HintPutBack = "stop serve and bring back the newest copy of this directory: what was decided since the copy is lost otherwise; if there is none, revoke these nodes and enrol them anew"

// PutBackSentence says for a person what shows that a registry was put back.
func PutBackSentence(p api.PutBack) string {
	who := fmt.Sprintf("%s (node %.10s)", p.Name, p.Node)
	switch {
	case !p.Proven:
		return fmt.Sprintf("%s says that it holds more of this registry than the registry itself (%d entries, here %d; %d claims, here %d), and shows nothing for it, since %s",
			who, p.Entries, p.EntriesHere, p.Claims, p.ClaimsHere, p.Since)
	case p.Forked:
		return fmt.Sprintf("this registry was put back to an older copy: %s holds other decisions than it up to number %d, since %s", who, p.Entries, p.Since)
	case p.Entries > p.EntriesHere:
		return fmt.Sprintf("this registry was put back to an older copy: %s holds %d of its decisions, it had %d itself, since %s", who, p.Entries, p.EntriesHere, p.Since)
	default:
		return fmt.Sprintf("this registry was put back to an older copy: it acknowledged %d claims of %s and had %d, since %s", p.Claims, who, p.ClaimsHere, p.Since)
	}
}

// rival is when another process with the node's key last wanted to connect, RFC 3339;
// "" when that is long ago.
func (p peer) rival() string {
	at := p.client.State().Rival
	if at.IsZero() || p.now().Sub(at) > paysync.RivalMemory {
		return ""
	}
	return pay.TimeOf(at).String()
}

func (p peer) now() time.Time {
	if p.options.Clock == nil {
		return time.Now()
	}
	return p.options.Clock()
}
