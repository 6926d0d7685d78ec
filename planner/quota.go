package planner

import "slices"

// fitQuota checks the plan against an account's quota, which Cloudflare checks at each request
// (docs/cloudflare-api.md §6). If there are too few free slots for the creations, as many
// deletions as needed go first, in the plan's order. If there are too few even then, the plan
// gets a problem.
func (p *Plan) fitQuota(account AccountID, q Quota) {
	creates, renames, deletes := 0, 0, 0
	for _, a := range p.Actions {
		if a.Store.Account != account {
			continue
		}
		switch a.Op {
		case OpCreate, OpPrepare:
			creates++
		case OpRename:
			renames = 1 // each takes a slot only until the old name is deleted
		case OpDelete:
			deletes++
		}
	}
	if creates+renames == 0 {
		return
	}
	short := creates + renames - (q.Limit - q.Usage) // negative where there is room to spare
	if short > deletes {
		p.Problems = append(p.Problems, Problem{
			Kind: ProblemQuota, Store: StoreKey{Account: account}, Count: q.Usage - deletes + creates + renames, Limit: q.Limit,
		})
	}
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Op == OpDelete && a.Store.Account == account && short > 0 {
			a.BeforeCreates = true
			short--
		}
	}
}

// UsualQuota is the number of secrets that an account may have, as documented
// (docs/cloudflare-api.md §5).
const UsualQuota = 100

// Creates counts the secrets that the plan creates, by account.
func (p *Plan) Creates() map[AccountID]int {
	n := map[AccountID]int{}
	for _, a := range p.Actions {
		if a.Op == OpCreate || a.Op == OpRename || a.Op == OpPrepare {
			n[a.Store.Account]++
		}
	}
	return n
}

// NearQuota lists the accounts whose quota could change the plan that was built from an input:
// accounts in which the plan creates secrets, and which could have more than the usual quota before
// it deletes any. If a list is incomplete, or a store's secrets were not listed, their number is
// unknown, so it could exceed the quota.
func (p *Plan) NearQuota(in Input) []AccountID {
	after := p.Creates()
	if len(after) == 0 {
		return nil
	}
	listed := map[StoreKey]bool{}
	for _, st := range in.Desired {
		listed[st.Key] = true
	}
	for _, st := range in.Recorded {
		listed[st.Key] = true
	}
	for _, st := range in.Live {
		if _, ok := after[st.Key.Account]; ok {
			after[st.Key.Account] += len(st.Secrets)
			if st.Incomplete || !listed[st.Key] {
				after[st.Key.Account] += UsualQuota
			}
		}
	}
	return aboveUsualQuota(after)
}

// ExpectNearQuota is [Plan.NearQuota] before the live state is known: it expects that Cloudflare has
// what is recorded, and that the plan creates what is desired and not recorded.
func ExpectNearQuota(in Input) []AccountID {
	if len(in.Options.Rotate) > 0 {
		return nil
	}
	exist, recorded := map[AccountID]int{}, map[SecretKey]bool{}
	for _, st := range in.Recorded {
		for i := range st.Secrets {
			if r := &st.Secrets[i]; r.ID != "" {
				recorded[st.Key.Secret(r.Name)] = true
				exist[st.Key.Account]++
			}
		}
	}
	expected := map[AccountID]int{}
	for _, st := range in.Desired {
		for i := range st.Secrets {
			d := &st.Secrets[i]
			if d.External || !in.Options.Targeted(st.Key, d.Name) {
				continue
			}
			for _, name := range []string{d.Name, d.Previous} {
				if name != "" && !recorded[st.Key.Secret(name)] {
					expected[st.Key.Account]++
				}
			}
		}
	}
	for account := range expected {
		expected[account] += exist[account]
	}
	return aboveUsualQuota(expected)
}

// aboveUsualQuota lists the accounts that would have more secrets than the usual quota.
func aboveUsualQuota(secrets map[AccountID]int) []AccountID {
	var accounts []AccountID
	for account, n := range secrets {
		if n > UsualQuota {
			accounts = append(accounts, account)
		}
	}
	slices.Sort(accounts)
	return accounts
}
