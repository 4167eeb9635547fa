package node

import (
	"context"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
)

// report returns a day of the merchant, by this box's local time.
func (b *Box) report(ctx context.Context, q api.ReportRequest) (api.Report, error) {
	day := q.Day
	if day == "" {
		day = b.store.Now().Std().In(time.Local).Format(time.DateOnly)
	}
	from, until, err := dayOf(day, time.Local)
	if err != nil {
		return api.Report{}, err
	}
	r, err := read(ctx, b.store, func(v *store.View) (till.Report, error) { return b.till.Report(v, b.store.Now(), from, until) })
	if err != nil {
		return api.Report{}, err
	}
	out := api.Report{
		V: 1, Type: "report", Day: day, From: from.String(), Until: until.String(), Merchant: b.member.Shop, Currency: r.Currency,
		Opening: r.Opening, Captured: r.Captured, Tips: r.Tips, Refunded: r.Refunded, Net: r.Net(), PaidOut: r.PaidOut, Closing: r.Closing(), Held: r.Held,
		Payments: r.Payments, ByState: r.ByState, ByMethod: r.ByMethod, CapturedByMethod: r.CapturedBy, Standing: new(b.Standing()),
	}
	if q.Lines {
		for _, l := range r.Lines {
			out.Lines = append(out.Lines, reportLine(l))
		}
	}
	return out, nil
}

func reportLine(l till.ReportLine) api.ReportLine {
	out := api.ReportLine{At: l.At.String(), What: string(l.What), Amount: l.In, Tip: l.Tip, State: l.State, Method: l.Method, Payer: l.Handle, Ref: l.Ref, Site: l.Site}
	if !l.Payment.IsZero() {
		out.Payment = l.Payment.String()
	}
	return out
}

// dayOf returns the first moment of a local day, written as YYYY-MM-DD, and the first of
// the next one. Between them are 23 to 25 hours where clocks change.
func dayOf(day string, zone *time.Location) (from, until pay.Time, err error) {
	date, err := time.Parse(time.DateOnly, day)
	if err != nil || date.Year() < 1970 || date.Year() > 9998 {
		return 0, 0, pay.NewError(pay.CodeUsage, fmt.Sprintf("--day %q is no day", text.Printable(day)), "write it like 2026-11-28")
	}
	return pay.TimeOf(beginOf(date, zone)), pay.TimeOf(beginOf(date.AddDate(0, 0, 1), zone)), nil
}

// beginOf returns the first moment of the local day with the date. Clocks may change at
// midnight: then that moment comes twice, or not at all.
func beginOf(date time.Time, zone *time.Location) time.Time {
	const quarter = 15 * time.Minute // the finest change of clocks in use
	day := date.Format(time.DateOnly)
	at := time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, zone)
	for at.Add(-quarter).Format(time.DateOnly) >= day {
		at = at.Add(-quarter)
	}
	for at.Format(time.DateOnly) < day {
		at = at.Add(quarter)
	}
	return at
}
