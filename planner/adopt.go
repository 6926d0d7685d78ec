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

// conflict is a secret that exists and is not proven to be ours. If it looks as an interrupted
// creation of ours would have left it, there is nothing to do: the value is ours unless another
// client created the secret in the same seconds, and then it must not be overwritten.
func (b *builder) conflict(s *versions, t *triple) {
	switch {
	case !b.unproven(t.recorded, t.live):
		b.problem(Problem{Kind: ProblemConflict, Store: s.key, Secret: t.desired.Name, Pos: t.desired.Pos})
	case !t.recorded.asCreated(t.live, b.in.Now) || !asRequested(t):
		b.problem(Problem{Kind: ProblemUnproven, Store: s.key, Secret: t.desired.Name, Pos: t.desired.Pos})
	default:
		b.note(NoteUnproven, s, t.desired.Name)
	}
}

// asRequested reports whether an interrupted creation asked for what is desired now. Of a generated
// value, the old name alone may have it, if the secret was to be renamed.
func asRequested(t *triple) bool {
	d := t.desired
	return (t.recorded.Pending.Op == OpCreate || !d.Generated) && d.Requested &&
		slices.Equal(sorted(d.Scopes), sorted(t.live.Scopes)) && (d.Comment == nil || *d.Comment == t.live.Comment)
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
