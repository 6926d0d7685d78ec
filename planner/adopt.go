package planner

import "slices"

// adopt takes over a secret that exists and isn't ours, if the manifest says so.
func (b *builder) adopt(s *versions, t *triple) {
	d := t.desired
	a := b.action(OpAdopt, s, t)
	switch d.Adopt {
	case AdoptOverwrite:
		a.sendValue(ReasonAdopted)
	case AdoptKeep:
		a.Source = ""
		a.Reasons = append(a.Reasons, ReasonAdoptedKept)
	default:
		b.conflict(s, t)
		return
	}
	a.sendMetadata(d, a.Current.Metadata)
	b.add(a)
}

func (b *builder) conflict(s *versions, t *triple) {
	kind := ProblemConflict
	if b.unproven(t.recorded, t.live) {
		kind = ProblemUnproven
	}
	b.problem(Problem{Kind: kind, Store: s.key, Secret: t.desired.Name, Pos: t.desired.Pos})
}

// external checks that a secret which is managed elsewhere exists with its scopes. It is never
// written.
func (b *builder) external(s *versions, t *triple) {
	d := t.desired
	if t.recorded != nil {
		b.add(b.action(OpForget, s, t, ReasonExternal))
	}
	if b.in.Options.Offline {
		b.plan.Unchanged++
		return
	}
	if t.live == nil && s.incomplete() {
		b.noteMayExist(s, d.Name)
		b.plan.Unchanged++
		return
	}
	if t.live == nil {
		b.problem(Problem{Kind: ProblemExternalMissing, Store: s.key, Secret: d.Name, Pos: d.Pos})
		return
	}
	var missing []string
	for _, scope := range sorted(d.Scopes) {
		if !slices.Contains(t.live.Scopes, scope) {
			missing = append(missing, scope)
		}
	}
	if len(missing) > 0 {
		b.problem(Problem{Kind: ProblemExternalScopes, Store: s.key, Secret: d.Name, Pos: d.Pos, Missing: missing})
		return
	}
	if t.recorded == nil {
		b.plan.Unchanged++
	}
}
