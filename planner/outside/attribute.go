package outside

import (
	"cmp"
	"slices"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// Attribute finds who made the changes that drift shows. in is what drift was found in, and logs
// are the entries of accounts whose audit logs were read, the latest first: nothing is said about
// others. The result is for [planner.Input.Outside].
func Attribute(found []planner.Drift, in planner.Input, logs map[planner.AccountID][]Entry) map[planner.SecretKey]planner.OutsideChange {
	changes := map[planner.SecretKey]planner.OutsideChange{}
	for key, s := range subjectsOf(found, in) {
		log, read := logs[key.Store.Account]
		if !read {
			continue
		}
		var about []Entry
		for _, e := range log {
			if s.concerns(e) {
				about = append(about, e)
			}
		}
		changes[key] = s.change(about, in.Now)
	}
	return changes
}

// Settled returns the live stores of an input with what its Outside says about values: where no
// change set one, the live value is the one that was last applied, unless more is known already.
func Settled(in planner.Input) []planner.LiveStore {
	live := slices.Clone(in.Live)
	for i, st := range live {
		cloned := false
		for j, sec := range st.Secrets {
			if !in.Outside[st.Key.Secret(sec.Name)].MetadataOnly || sec.Value.Known() {
				continue
			}
			if !cloned {
				live[i].Secrets, cloned = slices.Clone(st.Secrets), true
			}
			live[i].Secrets[j].Value = planner.LiveSame
		}
	}
	return live
}

// Since are the times from which audit logs have to be read to attribute drift, by account. An
// account that has no drift to attribute has none.
func Since(found []planner.Drift, in planner.Input) map[planner.AccountID]time.Time {
	since := map[planner.AccountID]time.Time{}
	for key, s := range subjectsOf(found, in) {
		from := s.written.Add(-planner.AuditLogNoise)
		if earliest, ok := since[key.Store.Account]; !ok || from.Before(earliest) {
			since[key.Store.Account] = from
		}
	}
	return since
}

// subject is a drifted secret, or a store that is gone.
type subject struct {
	kind     planner.DriftKind
	store    planner.StoreID
	name     string
	recorded planner.RecordedSecret // zero for a store
	live     *planner.LiveSecret    // nil if there is none
	written  time.Time              // our last write
}

// subjectsOf are the secrets, and the stores, that other clients changed. A subject with several
// findings has the kind of the first one.
func subjectsOf(found []planner.Drift, in planner.Input) map[planner.SecretKey]*subject {
	subjects := map[planner.SecretKey]*subject{}
	for _, d := range found {
		if key := d.Store.Secret(d.Secret); d.Kind.ChangedOutside() && subjects[key] == nil {
			subjects[key] = &subject{kind: d.Kind, name: d.Secret}
		}
	}
	for _, st := range in.Recorded {
		gone := subjects[st.Key.Secret("")]
		for _, r := range st.Secrets {
			if s := subjects[st.Key.Secret(r.Name)]; s != nil {
				s.store, s.recorded, s.written = st.ID, r, timeOf(r.Modified, r.Applied)
			}
			if gone != nil { // the store was there when any of its secrets was written
				gone.store, gone.written = st.ID, later(gone.written, timeOf(r.Modified, r.Applied))
			}
		}
	}
	for _, st := range in.Live {
		for i, l := range st.Secrets {
			if s := subjects[st.Key.Secret(l.Name)]; s != nil {
				s.store, s.live = st.ID, &st.Secrets[i]
			}
		}
	}
	return subjects
}

func timeOf(m planner.Modified, otherwise time.Time) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, string(m)); err == nil {
		return t
	}
	return otherwise
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// concerns reports whether an entry may be about the subject.
func (s subject) concerns(e Entry) bool {
	if e.Store != s.store {
		return false
	}
	id := s.recorded.ID
	switch {
	case s.kind == planner.DriftStoreGone:
		return e.Method == "DELETE" && e.Secret == "" && len(e.Secrets) == 0
	case e.Secret != "":
		return e.Secret == id || s.live != nil && e.Secret == s.live.ID
	case len(e.Secrets) > 0:
		return slices.Contains(e.Secrets, string(id)) || slices.Contains(e.Secrets, s.name) ||
			s.live != nil && slices.Contains(e.Secrets, string(s.live.ID))
	}
	return true // a request for several secrets, or for the store: its time decides
}

// change is the latest of the entries that is not our own last write.
func (s subject) change(log []Entry, now time.Time) planner.OutsideChange {
	slices.Reverse(log) // times may be of whole seconds: then the order of the log decides
	slices.SortStableFunc(log, func(x, y Entry) int { return cmp.Compare(s.at(x).UnixNano(), s.at(y).UnixNano()) })
	own := s.own(log)
	later := log[own+1:]
	if own < 0 {
		later = slices.DeleteFunc(later, func(e Entry) bool { return !s.at(e).After(s.written) })
	}
	for i := len(later) - 1; i >= 0; i-- {
		if e := later[i]; s.made(e) {
			sets := func(e Entry) bool { return e.Value == planner.ValueModified }
			return planner.OutsideChange{
				At: e.Time, Actor: e.Actor, Channel: e.Channel, Value: e.Value,
				ValueBefore:  s.live != nil && s.live.ID == s.recorded.ID && !sets(e) && slices.ContainsFunc(later[:i], sets),
				MetadataOnly: own >= 0 && s.at(log[own]).Sub(s.written).Abs() <= planner.OwnWriteNoise && i == len(later)-1 && s.keptValue(later, now),
			}
		}
	}
	return planner.OutsideChange{}
}

// at is when an entry was logged. A time that cannot be read is before all others.
func (s subject) at(e Entry) time.Time { return timeOf(e.Time, time.Time{}) }

// own returns the index of the entry for our last write: the one that is closest to it. It is -1
// if there is none.
func (s subject) own(log []Entry) int {
	own, closest := -1, planner.AuditLogNoise+1
	for i, e := range log {
		d := s.at(e).Sub(s.written).Abs()
		if s.kind != planner.DriftStoreGone && e.Method != "DELETE" && d < closest {
			own, closest = i, d
		}
	}
	return own
}

// made reports whether an entry can be the change that is seen.
func (s subject) made(e Entry) bool {
	switch s.kind {
	case planner.DriftStoreGone, planner.DriftDeleted:
		return e.Method == "DELETE"
	case planner.DriftRecreated:
		return e.Method == "POST" && (len(e.Secrets) > 0 || near(s.at(e), s.live.Created))
	}
	return e.Secret != "" && near(s.at(e), s.live.Modified)
}

// near reports whether a change that was logged at a time can be the one at m.
func near(logged time.Time, m planner.Modified) bool {
	at := timeOf(m, time.Time{})
	return !at.IsZero() && logged.Sub(at).Abs() <= planner.AuditLogNoise
}

// keptValue reports whether all changes after our last write are known to have set no value.
func (s subject) keptValue(after []Entry, now time.Time) bool {
	if s.live == nil || s.live.ID != s.recorded.ID || s.recorded.Accepted || now.Sub(timeOf(s.live.Modified, now)) < planner.AuditLogComplete {
		return false
	}
	return !slices.ContainsFunc(after, func(e Entry) bool { return e.Secret != s.live.ID || e.Value != planner.ValueKept })
}
