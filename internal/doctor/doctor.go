// Package doctor checks what a project needs to be applied from this machine: files, keys, git,
// the API, its token, and the stores. It sends no request that writes, writes no file, reads no
// value, and its results have neither values nor keys nor tokens. Public keys and ids are in them.
//
// Call [Run]. A check that fails does not keep the others from running.
package doctor

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/secretsync/secretsync/internal/cloudflare/tokens"
	"github.com/secretsync/secretsync/reconcile"
)

// Status is the result of a check.
type Status string

// The results.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Error   Status = "error"
	// Skipped means that the check was not possible here, or not of use.
	Skipped Status = "skipped"
)

// Check is the result of one check. Its JSON is documented in docs/output.md.
type Check struct {
	Name string `json:"check"`
	// Subject is what was checked, if there may be several: a file, a variable, a store.
	Subject string `json:"subject,omitempty"`
	Status  Status `json:"status"`
	Message string `json:"message"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
	Facts
}

// Facts are what programs may need of a result. Each check has its own.
type Facts struct {
	AccountID   string             `json:"account_id,omitempty"`
	StoreID     string             `json:"store_id,omitempty"`
	Token       string             `json:"token,omitempty"` // its state
	Owner       tokens.Owner       `json:"owner,omitempty"`
	NotBefore   *time.Time         `json:"not_before,omitempty"`
	Expires     *time.Time         `json:"expires_on,omitempty"`
	Permissions map[string]Granted `json:"permissions,omitempty"`
	Used        *int               `json:"used,omitempty"`
	Limit       *int               `json:"limit,omitempty"`
	KeyID       string             `json:"key_id,omitempty"`
	Recipients  []string           `json:"recipients,omitempty"`
	SkewSeconds *float64           `json:"skew_seconds,omitempty"`
}

// Granted says whether a token has a permission.
type Granted string

// What may be known about a permission.
const (
	Yes      Granted = "yes"
	No       Granted = "no"
	NotKnown Granted = "not known"
)

// Options say what is checked.
type Options struct {
	// Version is the program's.
	Version string
	// CoreDumps returns whether this process cannot leave a core dump, if that is known.
	CoreDumps func() (prevented, known bool)
	// Config is the project. Without a manifest, NoManifest says why there is none, and without an
	// API, Offline says why no request is sent.
	Config     reconcile.Config
	NoManifest error
	Offline    string
	// Address is the API's, and Proxy returns the proxy for a request.
	Address string
	Proxy   func(*http.Request) (*url.URL, error)
	// TokenName returns the name of the variable that has a token.
	TokenName func(tokenEnv string) string
	// Skew returns how far the API's clock is ahead of this machine's, if it is known.
	Skew func() (time.Duration, bool)
	// Timeout limits the requests to the API and to a bucket.
	Timeout time.Duration
	// Tracked returns what is wrong with files that git tracks.
	Tracked func(ctx context.Context, lockfile string) []Mistake
	// Explain returns what errors say and what to do, in terms of the command line, and Command a
	// command of this program that can be pasted.
	Explain func(error) []Mistake
	Command func(words ...string) string
}

// Mistake is something that is wrong, and what to do about it.
type Mistake struct{ What, Hint string }

// TokenChecker may be implemented by a [reconcile.Account].
type TokenChecker interface {
	// VerifyToken asks whether the account's token is valid.
	VerifyToken(context.Context) (tokens.Status, error)
	// Permits reports whether it has a read permission for another product than the Secrets Store.
	Permits(ctx context.Context, permission string) (bool, error)
}

// Report is the results of all checks, in the order in which they are shown.
type Report struct {
	SchemaVersion int     `json:"schema_version"`
	Result        Status  `json:"result"` // the worst: OK, Warning or Error
	Errors        int     `json:"errors"`
	Warnings      int     `json:"warnings"`
	Skipped       int     `json:"skipped"`
	Checks        []Check `json:"checks"`
}

// examination is a run of all checks.
type examination struct {
	Options
	project  *reconcile.Project // nil without a manifest
	lockfile lockfileState
}

// Run runs all checks. The error is the context's.
func Run(ctx context.Context, o Options) (*Report, error) {
	x := &examination{Options: o}
	checks := []Check{x.version(), x.coreDumps()}
	checks = append(checks, x.manifest(ctx)...)
	x.readLockfile(ctx)
	var local, remote []Check
	var wg sync.WaitGroup
	wg.Go(func() { local = x.local(ctx) })
	wg.Go(func() { remote = x.remote(ctx) })
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := &Report{SchemaVersion: 1, Result: OK, Checks: append(append(checks, local...), remote...)}
	for _, c := range r.Checks {
		switch c.Status {
		case Error:
			r.Errors++
		case Warning:
			r.Warnings++
		case Skipped:
			r.Skipped++
		}
	}
	switch {
	case r.Errors > 0:
		r.Result = Error
	case r.Warnings > 0:
		r.Result = Warning
	}
	return r, nil
}

// skipped is a check that was not possible.
func skipped(name, why string) Check { return Check{Name: name, Status: Skipped, Message: why} }

// failed is a check that found errors: the first of them is shown, with how many follow.
func (x *examination) failed(name, subject string, status Status, err error) Check {
	return ofMistakes(name, subject, status, x.Explain(err))
}

func ofMistakes(name, subject string, status Status, found []Mistake) Check {
	c := Check{Name: name, Subject: subject, Status: status}
	for _, m := range found {
		if c.Message == "" {
			c.Message = m.What
		}
		if c.Hint == "" {
			c.Hint = m.Hint
		}
	}
	if more := len(found) - 1; more > 0 {
		c.Message += andMore(more)
	}
	return c
}

// within limits how long a request may take.
func (x *examination) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, x.Timeout)
}
