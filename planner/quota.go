package planner

// fitQuota holds a plan to an account's quota: where there is no room for the new
// secrets before old ones are deleted, as many deletions as it takes, in the plan's order, go first; where
// there is none even then, the plan gets a problem. Quota is checked by Cloudflare
// against what exists at that moment (docs/cloudflare-api.md §6).
func (p *Plan) fitQuota(account AccountID, q Quota) {
	creates, renames, deletes := 0, 0, 0
	for _, a := range p.Actions {
		if a.Store.Account != account {
			continue
		}
		switch a.Op {
		case OpCreate:
			creates++
		case OpRename:
			renames = 1 // each takes a slot only until the old name is deleted
		case OpDelete:
			deletes++
		}
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

// UsualQuota is how many secrets an account may have, as documented
// (docs/cloudflare-api.md §5).
const UsualQuota = 100

// Creates counts the secrets that the plan makes, by account: where it makes some,
// the account's quota is worth a request.
func (p *Plan) Creates() map[AccountID]int {
	n := map[AccountID]int{}
	for _, a := range p.Actions {
		if a.Op == OpCreate || a.Op == OpRename {
			n[a.Store.Account]++
		}
	}
	return n
}
