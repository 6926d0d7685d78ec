package planner

// renames plans the renames that Cloudflare can do by itself, and removes both names from the
// map, of which names are the sorted keys. If it cannot (another value, changed or deleted
// outside, the new name taken), the two names are decided independently: create and delete.
func (b *builder) renames(s *versions, secrets map[string]*triple, names []string) {
	for _, name := range names {
		t := secrets[name]
		if t == nil || t.desired == nil || t.desired.RenamedFrom == "" {
			continue
		}
		from := secrets[t.desired.RenamedFrom]
		switch v := t.desired.Value; {
		case !b.renamable(t, from):
			continue
		case v == ValueUnknown || v == ValueReencrypted || v == ValueEdited:
			b.note(NoteMaybeRenamed, s, name)
			continue
		case v != ValueSame && (!t.desired.Generated || v == ValueChanged):
			continue
		}
		a := b.action(OpRename, s, t, ReasonRenamed)
		a.Recovery.ListedAt = b.in.Now
		a.From, a.ID, a.Current = from.live.Name, from.live.ID, from.current()
		if from.recorded.Pending != nil {
			a.Reasons = append(a.Reasons, ReasonInterrupted)
			b.note(NoteInterrupted, s, t.desired.Name)
		}
		a.sendNewMetadata(t.desired)
		a.Scopes.Before = sorted(a.Current.Scopes)
		if a.Comment == nil { // not managed, so the duplicate gets the same comment
			a.Comment = &Change[string]{After: a.Current.Comment}
		}
		a.Comment.Before = a.Current.Comment
		if t.desired.Delete != from.recorded.Delete {
			a.Reasons = append(a.Reasons, ReasonPolicy)
		}
		b.add(a)
		b.note(NoteRenamed, s, a.From)
		b.noteMayExist(s, a.Secret)
		if from.recorded.Accepted {
			b.note(NoteAccepted, s, a.Secret)
		}
		delete(secrets, name)
		delete(secrets, from.live.Name)
	}
}

// renamable reports whether Cloudflare can rename a secret whose value stays the same: the new
// name is free, and the secret with the old name is as we left it. A rename that was interrupted
// before the new name existed is tried again.
func (b *builder) renamable(t, from *triple) bool {
	interrupted := func(r *RecordedSecret) bool { return r.Pending != nil && r.Pending.Op == OpRename }
	if t.live != nil || t.desired.External || t.recorded != nil && (t.recorded.ID != "" || !interrupted(t.recorded)) {
		return false
	}
	if from == nil || from.desired != nil || from.recorded == nil || from.live == nil || from.recorded.ID != from.live.ID ||
		from.recorded.Pending != nil && !interrupted(from.recorded) {
		return false
	}
	switch order := from.live.Modified.Compare(from.recorded.Modified); {
	case from.changedUnseen():
		return false
	case order < 0:
		return from.recorded.Modified.canLag(b.in.Now)
	case order > 0:
		return from.recorded.activationMoved(from.live) || from.live.Value == LiveSame
	}
	return true
}
