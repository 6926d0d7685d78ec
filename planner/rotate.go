package planner

// buildRotations decides a plan that is limited to rotations ([Options.Rotate]). It has no
// action but the rotations of matching secrets, and a note for each matching secret that it
// leaves out. Secrets that are neither desired nor recorded do not count as matching.
func (b *builder) buildRotations() {
	b.plan.RotateOnly = true
	for _, s := range join(*b.in) {
		all := triples(s)
		for name, t := range all {
			switch {
			case t.desired == nil && (t.recorded == nil || t.recorded.PreviousOf != "") || !b.in.Options.rotates(s.key, name):
			case !b.targeted(s.key, name):
				b.plan.Targeted = true
			default:
				b.rotate(s, all, t, name)
			}
		}
	}
	b.collect()
	if len(b.plan.Actions) == 0 {
		b.problem(Problem{Kind: ProblemNothingToRotate})
	}
}

// rotate plans a new value for a generated secret. The action sends neither metadata nor
// another delete policy: those are changes of the manifest, and wait for the next apply.
//
// If the old value has to stay readable, the necessary actions come first.
func (b *builder) rotate(s *versions, all map[string]*triple, t *triple, name string) {
	if why := t.notRotatable(); why != "" {
		b.note(why, s, name)
		return
	}
	a := b.action(OpRotate, s, t, ReasonRotationAsked)
	a.SetValue, a.Delete, a.Recovery.ListedAt = true, new(t.recorded.Delete), b.in.Now
	switch r := t.recorded; {
	case r.Pending == nil:
		b.compareLive(&a, s, t)
	case r.ID != t.live.ID:
		a.Reasons = append(a.Reasons, ReasonReplaced)
	case b.overtaken(r, t.live):
		a.Reasons = append(a.Reasons, ReasonChangedOutside)
	default:
		a.Reasons = append(a.Reasons, ReasonInterrupted)
	}
	if t.recorded.Pending != nil {
		b.note(NoteInterrupted, s, name)
	}
	if t.desired.Overlap > 0 && !b.keepReplaced(s, t, previousOf(t, all), &a) {
		return
	}
	b.add(a)
}

// notRotatable returns why a secret cannot be rotated on request, or "". An interrupted write
// of a new value does not prevent that: the rotation completes it. After any other interrupted
// write, apply has to decide what to do.
func (t *triple) notRotatable() NoteKind {
	d, r := t.desired, t.recorded
	switch {
	case d == nil:
		return NoteRotateNotDesired
	case d.External:
		return NoteRotateExternal
	case !d.Generated:
		return NoteRotateOtherSource
	case r != nil && r.Pending != nil && r.Pending.Op != OpUpdate && r.Pending.Op != OpRotate:
		return NoteRotatePending
	case t.live == nil:
		return NoteRotateNotLive
	case r == nil:
		return NoteRotateNotRecorded
	}
	return ""
}
