package lockstatus

import (
	"context"
	"fmt"
	"time"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/render/rows"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/reconcile"
)

// Lease is a lease in the output of lock status as JSON, as documented in docs/formats.md.
type Lease struct {
	AccountID string `json:"account_id"`
	Store     string `json:"store"`
	Address   string `json:"address"`
	State     string `json:"state"` // held, free or unused
	Host      string `json:"host,omitempty"`
	RunURL    string `json:"run_url,omitempty"`
	// Since is when the last holder acquired it.
	Since      *time.Time `json:"since,omitempty"`
	Generation int64      `json:"generation,omitempty"`
	Duration   string     `json:"duration,omitempty"`
	BrokenBy   string     `json:"broken_by,omitempty"`
	Applied    *Applied   `json:"applied,omitempty"`
}

// Applied is the version of the lockfile that was applied last under a lease.
type Applied struct {
	Generation int64     `json:"generation"`
	Host       string    `json:"host,omitempty"`
	RunURL     string    `json:"run_url,omitempty"`
	Time       time.Time `json:"time"`
}

// inspectLeases reads the leases of a project that has some. The error says which could not be
// read.
func inspectLeases(ctx context.Context, p *reconcile.Project, lock *lockfile.File) ([]Lease, error) {
	if !p.Shared() {
		return nil, nil
	}
	leases, err := p.Leases(ctx, lock)
	if err != nil {
		return nil, err
	}
	var all []Lease
	for _, l := range leases {
		h := l.Holder
		st := Lease{AccountID: string(l.Store.Account), Store: l.Store.Name, Address: l.Address, State: "unused", BrokenBy: l.BrokenBy}
		if h.Generation > 0 {
			st.State, st.Host, st.RunURL, st.Since = "free", h.Host, h.RunURL, &h.Since
			st.Generation, st.Duration = h.Generation, h.Duration.String()
		}
		if l.Held {
			st.State = "held"
		}
		if v := l.Applied; v != nil {
			st.Applied = &Applied{Generation: v.Generation, Host: v.Host, RunURL: v.RunURL, Time: v.Time}
		}
		all = append(all, st)
	}
	return all, nil
}

// print adds the lease to a status as text. own is the generation of the lockfile.
func (l *Lease) print(out *rows.Writer, own int) {
	holder := ""
	if l.Since != nil {
		holder = heldBy(reconcile.LeaseHolder{Host: l.Host, RunURL: l.RunURL, Since: *l.Since, Generation: l.Generation})
	}
	state := map[string]string{
		"held": "held by " + holder, "free": "free; last held by " + holder, "unused": "never used",
	}[l.State]
	if l.BrokenBy != "" {
		state = fmt.Sprintf("free; broken on %s; last held by %s", l.BrokenBy, holder)
	}
	out.Add("lease", "%s: %s", render.Safe(l.Address), render.Safe(state))
	if l.State == "held" {
		out.Add("", "a run is active, or was killed: then the lease is free after %s without a renewal", l.Duration)
	}
	if p := l.Applied; p != nil {
		older := ""
		if p.Generation > int64(own) {
			older = ": the lockfile is older, and is refused"
		}
		by := appliedBy(&reconcile.AppliedLockfile{Host: p.Host, RunURL: p.RunURL, Time: p.Time})
		out.Add("", "generation %d of the lockfile was applied %s%s", p.Generation, render.Safe(by), older)
	}
}

// heldBy describes the holder of a lease.
func heldBy(h reconcile.LeaseHolder) string {
	since := h.Since.UTC().Format(time.RFC3339)
	if age := time.Since(h.Since).Round(time.Second); age > 0 {
		since += fmt.Sprintf(" (%s ago)", age)
	}
	return fmt.Sprintf("%s since %s, generation %d", hostAndRun(h.Host, h.RunURL), since, h.Generation)
}

// appliedBy says where and when a version of a lockfile was applied.
func appliedBy(p *reconcile.AppliedLockfile) string {
	return fmt.Sprintf("at %s on %s", p.Time.UTC().Format(time.RFC3339), hostAndRun(p.Host, p.RunURL))
}

func hostAndRun(host, run string) string {
	if host == "" {
		host = "an unknown host"
	}
	if run != "" {
		host += " (" + run + ")"
	}
	return host
}
