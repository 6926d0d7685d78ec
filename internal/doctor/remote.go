package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/internal/cloudflare/tokens"
	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// soon is how long before its end a token is worth a warning.
const soon = 14 * 24 * time.Hour

// probed are the permissions that some commands need besides those for the Secrets Store.
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
	if wrong != nil {
		checks = append(checks, *wrong)
	}
	return append(append(checks, leases...), x.clock())
}

// accounts are those of the manifest's stores, or the one that the environment names. wrong is the
// check of an account that is named wrongly, or not at all.
func (x *examination) accounts() (list []*account, wrong *Check) {
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
			c := x.failed("account", st.Name, status, err)
			wrong = &c
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

// unreached returns an error because of which the API did not answer, if it never did.
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

func (x *examination) api(accounts []*account, wrong *Check) Check {
	c := Check{Name: "api", Subject: x.Address, Status: Skipped, Message: "no token to ask with"}
	if len(accounts) == 0 && wrong != nil {
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

func (x *examination) token(a *account) Check {
	c := Check{Name: "token", Subject: x.TokenName(a.tokenEnv), Status: Error, Facts: Facts{AccountID: string(a.id)}}
	if a.noClient != nil {
		found := x.failed("token", c.Subject, Warning, a.noClient)
		found.Facts = c.Facts
		return found
	}
	switch {
	case a.unreached() != nil:
		c.Status, c.Message = Skipped, a.unusable()
		return c
	case a.tokenErr != nil:
		found := x.failed("token", c.Subject, Warning, x.timely(a.tokenErr))
		found.Facts = c.Facts
		return found
	}
	t := a.token
	c.Token, c.Owner, c.NotBefore, c.Expires = t.State, t.Owner, known(t.NotBefore), known(t.Expires)
	now := x.Config.API.Now()
	left := t.Expires.Sub(now)
	c.Hint = "create another at https://dash.cloudflare.com/profile/api-tokens, and set " + c.Subject
	switch {
	case t.State == "":
		return Check{Name: "token", Subject: c.Subject, Status: Skipped, Message: "this API does not verify tokens", Facts: c.Facts}
	case t.State == tokens.Invalid:
		c.Message = "invalid: " + t.Reason
	case t.State == tokens.Expired && !t.Expires.IsZero():
		c.Message = "expired at " + t.Expires.UTC().Format(time.RFC3339)
	case t.State != tokens.Active:
		c.Message = t.State
	case now.Before(t.NotBefore):
		c.Message, c.Hint = "not valid before "+t.NotBefore.UTC().Format(time.RFC3339), "wait until then, or create another"
	case t.Expires.IsZero():
		c.Status, c.Message, c.Hint = OK, "valid, "+ownerWords[t.Owner]+", without an end", ""
	default:
		c.Message = fmt.Sprintf("valid, %s, until %s", ownerWords[t.Owner], t.Expires.UTC().Format(time.RFC3339))
		c.Status = Warning
		if left > soon {
			c.Status, c.Hint = OK, ""
		}
	}
	return c
}

var ownerWords = map[tokens.Owner]string{tokens.User: "of a user", tokens.Account: "of an account", tokens.Unknown: "of an unknown owner"}

// known returns nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

var grantedWords = map[Granted]string{Yes: "has", No: "lacks", NotKnown: "not known"}

func (x *examination) permissions(a *account) Check {
	const name = "permissions"
	subject := x.TokenName(a.tokenEnv)
	if why := a.unusable(); why != "" {
		return Check{Name: name, Subject: subject, Status: Skipped, Message: why, Facts: Facts{AccountID: string(a.id)}}
	}
	c := Check{Name: name, Subject: subject, Status: OK, Facts: Facts{AccountID: string(a.id), Permissions: a.granted}}
	by := map[Granted][]string{}
	for _, permission := range append([]string{storeRead}, probed...) {
		g := a.granted[permission]
		by[g] = append(by[g], permission)
	}
	by[NotKnown] = append(by[NotKnown], storeWrite) // only a write would show it
	for _, g := range []Granted{Yes, No, NotKnown} {
		if len(by[g]) > 0 {
			c.Message = strings.TrimPrefix(c.Message+"; "+grantedWords[g]+": "+strings.Join(by[g], ", "), "; ")
		}
	}
	if a.granted[storeRead] == No {
		c.Status, c.Hint = Error, `give the token "Secrets Store Write" for this account; to plan and check drift, "Secrets Store Read"`
	}
	return c
}

func (x *examination) account(a *account) Check {
	const name = "account"
	facts := Facts{AccountID: string(a.id)}
	c := Check{Name: name, Subject: string(a.id), Status: OK, Facts: facts}
	why := a.unusable()
	switch {
	case why != "":
		c.Status, c.Message = Skipped, why
	case a.listErr != nil && !errors.Is(a.listErr, applier.ErrIncomplete):
		c = x.failed(name, string(a.id), Error, x.timely(a.listErr))
		c.Facts = facts
	default:
		c.Message = "readable, with " + count(len(a.stores), "store")
	}
	return c
}

// storesOf compares the stores that the manifest describes in an account with those that exist.
func (x *examination) storesOf(a *account) []Check {
	const name = "store"
	if x.project == nil {
		return []Check{skipped(name, "no manifest")}
	}
	var checks []Check
	for _, st := range x.project.Manifest().Stores {
		if id, err := x.accountOf(st); err != nil || id != a.id {
			continue
		}
		if a.unusable() != "" || a.listErr != nil {
			why := cmp.Or(a.unusable(), "the stores could not be listed")
			checks = append(checks, Check{Name: name, Subject: st.Name, Status: Skipped, Message: why, Facts: Facts{AccountID: string(a.id)}})
			continue
		}
		checks = append(checks, x.store(a, st.Name))
	}
	return checks
}

func (x *examination) store(a *account, name string) Check {
	c := Check{Name: "store", Subject: name, Status: Error, Facts: Facts{AccountID: string(a.id)}}
	recorded := ""
	if st := x.recorded().Stores[lockfile.StoreKey{Account: lockfile.AccountID(a.id), Name: name}]; st != nil {
		recorded = string(st.ID)
	}
	c.Hint = "run " + x.Command("plan") + ", which shows what an apply would do"
	i := slices.IndexFunc(a.stores, func(s planner.LiveStore) bool { return s.Key.Name == name })
	switch {
	case i < 0 && recorded != "":
		c.Message = "the lockfile has it, and the account does not: it was deleted"
		return c
	case i < 0 && len(a.stores) == 0:
		c.Status, c.Message, c.Hint = OK, "does not exist yet: the first apply creates it", ""
		return c
	case i < 0:
		c.Status, c.Message = Warning, fmt.Sprintf("does not exist; the account has %q, and may have only one store", a.stores[0].Key.Name)
		c.Hint = "to use that store, set name: " + a.stores[0].Key.Name + " in the manifest"
		return c
	}
	c.StoreID = string(a.stores[i].ID)
	if recorded != "" && recorded != c.StoreID {
		c.Message = "its id is not the one in the lockfile: it was deleted and created again"
		return c
	}
	c.Status, c.Message, c.Hint = OK, "exists", ""
	return c
}

func (x *examination) quota(a *account) Check {
	facts := Facts{AccountID: string(a.id)}
	c := Check{Name: "quota", Subject: string(a.id), Status: Skipped, Message: a.unusable(), Facts: facts}
	switch {
	case c.Message != "":
		return c
	case denied(a.quotaErr):
		c.Message = "the token may not read it"
		return c
	case a.quotaErr != nil:
		c = x.failed("quota", string(a.id), Warning, x.timely(a.quotaErr))
		c.Facts = facts
		return c
	}
	c.Status, c.Used, c.Limit = OK, &a.used, &a.limit
	c.Message = fmt.Sprintf("%d of %d secrets", a.used, a.limit)
	if a.used*10 >= a.limit*9 {
		c.Status = Warning
		c.Hint = "delete secrets that nothing uses, or ask Cloudflare for more: those of all tools count"
	}
	return c
}

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
		c.Hint = "get the newer lockfile, as by git pull"
	case l.Held:
		c.Status = Warning
		c.Message = fmt.Sprintf("held by a run on %s since %s", l.Holder.Host, l.Holder.Since.UTC().Format(time.RFC3339))
		c.Hint = fmt.Sprintf("wait until it has finished; a lease that a killed run left behind is free %s after its last sign of life", l.Holder.Duration)
	}
	return c
}

// The skew that is worth a warning, and the one at which buckets refuse requests.
const (
	skewWarning = 30 * time.Second
	skewError   = 15 * time.Minute
)

func (x *examination) clock() Check {
	skew, known := x.Skew()
	if !known {
		return skipped("clock", "the API was not reached, whose clock it is compared with")
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
	c.Hint = "set this machine's clock, as by NTP: signed requests to buckets fail from 15m on"
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
