package doctor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/secretsync/secretsync/reconcile"
)

// leases finds out whether another run holds a lease, or applied a newer lockfile.
func (x *examination) leases(ctx context.Context) []Check {
	const name = "lease"
	switch {
	case x.project == nil:
		return []Check{skipped(name, "no manifest")}
	case !x.project.Shared():
		return []Check{skipped(name, "the manifest names none: only one machine may apply at a time")}
	}
	ctx, cancel := x.within(ctx)
	defer cancel()
	found, err := x.project.Leases(ctx, x.recorded())
	if err != nil {
		return []Check{x.failed(name, "", Error, x.timely(err))}
	}
	var checks []Check
	for _, l := range found {
		checks = append(checks, x.lease(l))
	}
	if len(checks) == 0 {
		return []Check{skipped(name, "no store whose account is known")}
	}
	return checks
}

func (x *examination) lease(l reconcile.Lease) Check {
	c := Check{Name: "lease", Subject: l.Store.Name, Status: OK, Message: "free", Facts: Facts{AccountID: string(l.Store.Account)}}
	own := x.recorded().Shared.Generation
	switch {
	case l.Applied != nil && int(l.Applied.Generation) > own:
		c.Status = Error
		c.Message = fmt.Sprintf("the lockfile is older than the one last applied: generation %d, and %d was applied", own, l.Applied.Generation)
		c.Hint = "get the newer lockfile, for example with git pull"
	case l.Held:
		c.Status = Warning
		c.Message = fmt.Sprintf("held by a run on %s since %s", l.Holder.Host, l.Holder.Since.UTC().Format(time.RFC3339))
		c.Hint = fmt.Sprintf("wait until it has finished; a lease that a killed run left behind is free %s after its last sign of life", l.Holder.Duration)
	}
	return c
}

// The clock skew that causes a warning, and the skew at which buckets refuse requests.
const (
	skewWarning = 30 * time.Second
	skewError   = 15 * time.Minute
)

func (x *examination) clock() Check {
	skew, known := x.Skew()
	if !known {
		return skipped("clock", "the API, whose clock it is compared with, was not reached")
	}
	seconds := skew.Seconds()
	c := Check{Name: "clock", Status: OK, Message: "agrees with the API's", Facts: Facts{SkewSeconds: &seconds}}
	if skew.Abs() < skewWarning {
		return c
	}
	where := "behind"
	if skew < 0 {
		where = "ahead of"
	}
	c.Status, c.Message = Warning, fmt.Sprintf("%s %s the API's", skew.Abs().Round(time.Second), where)
	c.Hint = "set this machine's clock, for example with NTP: signed requests to buckets fail if it is off by 15 minutes or more"
	if skew.Abs() >= skewError && x.project != nil && x.project.Shared() {
		c.Status = Error
	}
	return c
}

// proxy says how requests get to the API. It shows no login.
func (x *examination) proxy() Check {
	const name = "proxy"
	r, err := http.NewRequest(http.MethodGet, x.Address, http.NoBody) //nolint:noctx // it is not sent
	if err != nil {
		return Check{Name: name, Status: Error, Message: "the API's address is not valid", Hint: "correct CLOUDFLARE_API_BASE_URL"}
	}
	u, err := x.Proxy(r)
	switch {
	case err != nil: // it may quote the login
		return Check{Name: name, Status: Error, Message: "HTTPS_PROXY is not a proxy's address", Hint: "set HTTPS_PROXY to http://HOST:PORT"}
	case u == nil:
		return Check{Name: name, Status: OK, Message: "none for " + r.URL.Host}
	}
	text := u.Scheme + "://" + u.Host
	if u.User != nil {
		text += ", with a login"
	}
	return Check{Name: name, Status: OK, Message: text + " for " + r.URL.Host + " (HTTPS_PROXY; NO_PROXY lists exceptions)"}
}
