package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

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

// leftAccounts finds accounts in which the lockfile has secrets and the manifest has no store. This
// happens if the account was changed by mistake, as by another CLOUDFLARE_ACCOUNT_ID: plan would then
// delete all secrets of the old account, and create them in the new one.
func (x *examination) leftAccounts(accounts []*account) []Check {
	records := map[lockfile.AccountID]int{}
	for key, st := range x.recorded().All() {
		if !slices.ContainsFunc(accounts, func(a *account) bool { return string(a.id) == string(key.Account) }) {
			records[key.Account] += len(st.Secrets)
		}
	}
	var checks []Check
	for _, id := range slices.Sorted(maps.Keys(records)) {
		if len(accounts) == 0 || records[id] == 0 {
			continue
		}
		checks = append(checks, Check{
			Name: "account", Subject: string(id), Status: Warning, Facts: Facts{AccountID: string(id)},
			Message: "the lockfile has " + count(records[id], "secret") + " of it, and no store of the manifest is in it",
			Hint:    "check which account is set; run " + x.Command("plan") + ", which shows what would be deleted",
		})
	}
	return checks
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
	if a.limit > 0 && a.used*10 >= a.limit*9 {
		c.Status = Warning
		c.Hint = "delete secrets that nothing uses, or ask Cloudflare for more: secrets created by any tool count"
	}
	return c
}
