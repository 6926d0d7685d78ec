package planner

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

// UsualQuota is the number of secrets that an account may have, as documented
// (docs/cloudflare-api.md §5).
const UsualQuota = 100

// Creates counts the secrets that the plan creates, by account. An account in which it creates
// any is worth a request for the quota.
func (p *Plan) Creates() map[AccountID]int {
	n := map[AccountID]int{}
	for _, a := range p.Actions {
		if a.Op == OpCreate || a.Op == OpRename {
			n[a.Store.Account]++
		}
	}
	return n
}
