package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/internal/cloudflare/tokens"
	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// soon is how long before its end a token is worth a warning.
const soon = 14 * 24 * time.Hour

// probed are the permissions for other products that some commands need.
var probed = []string{"Workers Scripts Read", "AI Gateway Read", "Account Settings Read"}

const (
	storeRead  = "Secrets Store Read"
	storeWrite = "Secrets Store Write"
)

// account is what the API says about an account and its token.
type account struct {
	id       planner.AccountID
	tokenEnv string
	client   reconcile.Account
	noClient error // there is no token, or none that could be one

	token    tokens.Status
	tokenErr error
	stores   []planner.LiveStore
	listErr  error
	used     int
	limit    int
	quotaErr error

	mu      sync.Mutex
	granted map[string]Granted
}

// remote are the checks that send requests. Those of all accounts go side by side.
func (x *examination) remote(ctx context.Context) []Check {
	checks := []Check{x.proxy()}
	if x.Offline != "" {
		for _, name := range []string{"api", "token", "permissions", "account", "store", "quota", "lease", "clock"} {
			checks = append(checks, skipped(name, x.Offline))
		}
		return checks
	}
	accounts, wrong := x.accounts()
	var leases []Check
	var wg sync.WaitGroup
	for _, a := range accounts {
		wg.Go(func() { x.ask(ctx, a) })
	}
	wg.Go(func() { leases = x.leases(ctx) })
	wg.Wait()
	checks = append(checks, x.api(accounts, wrong))
	for _, a := range accounts {
		checks = append(checks, x.token(a))
		checks = append(checks, x.permissions(a), x.account(a))
		checks = append(checks, x.storesOf(a)...)
		checks = append(checks, x.quota(a))
	}
	if len(accounts) == 0 {
		for _, name := range []string{"token", "permissions", "store", "quota"} {
			checks = append(checks, skipped(name, "no account to ask about"))
		}
	}
	checks = append(append(checks, wrong...), x.leftAccounts(accounts)...)
	return append(append(checks, leases...), x.clock())
}

// accounts returns the accounts of the manifest's stores, or the account that the environment names.
// wrong are the failed checks of accounts with a wrong or missing id.
func (x *examination) accounts() (list []*account, wrong []Check) {
	var stores []manifest.Store
	if x.project != nil {
		stores = x.project.Manifest().Stores
	}
	if len(stores) == 0 {
		stores = []manifest.Store{{}}
	}
	for _, st := range stores {
		id, err := x.accountOf(st)
		if err != nil {
			status := Error
			if errors.Is(err, reconcile.ErrNoAccount) {
				status = Warning
			}
			wrong = append(wrong, x.failed("account", st.Name, status, err))
			continue
		}
		i := slices.IndexFunc(list, func(a *account) bool { return a.id == id })
		if i < 0 {
			i = len(list)
			list = append(list, &account{id: id})
		}
		list[i].tokenEnv = cmp.Or(list[i].tokenEnv, st.TokenEnv)
	}
	return list, wrong
}

func (x *examination) accountOf(st manifest.Store) (planner.AccountID, error) {
	text := cmp.Or(st.AccountID, x.Config.Account)
	if text == "" {
		if id := x.Config.API.DefaultAccount(); id != "" {
			return id, nil
		}
		return "", reconcile.ErrNoAccount
	}
	id, ok := hexid.Parse(text)
	if !ok {
		return "", reconcile.ErrBadAccount
	}
	return planner.AccountID(id), nil
}

// ask sends all requests about an account side by side.
func (x *examination) ask(ctx context.Context, a *account) {
	if a.client, a.noClient = x.Config.API.Account(a.id, a.tokenEnv); a.noClient != nil {
		return
	}
	ctx, cancel := x.within(ctx)
	defer cancel()
	a.granted = map[string]Granted{storeWrite: NotKnown}
	var wg sync.WaitGroup
	wg.Go(func() { a.stores, a.listErr = a.client.ListStores(ctx) })
	wg.Go(func() { a.used, a.limit, a.quotaErr = a.client.GetQuota(ctx) })
	if t, ok := a.client.(TokenChecker); ok {
		wg.Go(func() { a.token, a.tokenErr = t.VerifyToken(ctx) })
		for _, permission := range probed {
			wg.Go(func() { a.grant(permission)(t.Permits(ctx, permission)) })
		}
	}
	wg.Wait()
	a.grant(storeRead)(a.listErr == nil || errors.Is(a.listErr, applier.ErrIncomplete), unlessDenied(a.listErr))
}

// grant returns a function that keeps whether the token has a permission.
func (a *account) grant(permission string) func(bool, error) {
	return func(yes bool, err error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		switch {
		case err != nil:
			a.granted[permission] = NotKnown
		case yes:
			a.granted[permission] = Yes
		default:
			a.granted[permission] = No
		}
	}
}

// unlessDenied returns an error that is not about the credential.
func unlessDenied(err error) error {
	if denied(err) || errors.Is(err, applier.ErrIncomplete) {
		return nil
	}
	return err
}

func denied(err error) bool {
	e, ok := errors.AsType[*cloudflare.Error](err)
	return ok && e.Denied()
}

// unreached returns the reason why the API did not answer, if it never did.
func (a *account) unreached() error {
	for _, err := range []error{a.listErr, a.quotaErr, a.tokenErr} {
		if e, ok := errors.AsType[*cloudflare.Error](err); !ok || e.Status != 0 {
			return nil
		}
	}
	return a.listErr
}

// unusable says why nothing can be known about an account, or "".
func (a *account) unusable() string {
	switch {
	case a.noClient != nil:
		return "no usable token"
	case a.unreached() != nil:
		return "the API was not reached"
	case a.tokenErr == nil && a.token.State != "" && a.token.State != tokens.Active:
		return "the token is " + a.token.State
	}
	return ""
}

func (x *examination) api(accounts []*account, wrong []Check) Check {
	c := Check{Name: "api", Subject: x.Address, Status: Skipped, Message: "no token to ask with"}
	if len(accounts) == 0 && len(wrong) > 0 {
		c.Message = "no account to ask about"
	}
	for _, a := range accounts {
		switch err := a.unreached(); {
		case a.noClient != nil:
		case err != nil:
			c = x.failed("api", x.Address, Error, x.timely(err))
			c.Hint = cmp.Or(c.Hint, "check the network and the proxy; https://www.cloudflarestatus.com shows outages")
		default:
			return Check{Name: "api", Subject: x.Address, Status: OK, Message: "answers"}
		}
	}
	return c
}

// timely names the limit that a request has reached.
func (x *examination) timely(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", x.Timeout)
	}
	return err
}
