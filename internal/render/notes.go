package render

import (
	"fmt"
	"strings"

	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
)

// noteLines describes notes of one kind and store together.
func noteLines(notes []planner.Note, in Names) []string {
	type group struct {
		kind  planner.NoteKind
		store planner.StoreKey
		value planner.LiveValue
	}
	names := map[group][]string{}
	var order []group
	for _, n := range notes {
		g := group{n.Kind, n.Store, n.Value}
		if names[g] == nil {
			order = append(order, g)
		}
		names[g] = append(names[g], foreign.Name(n.Secret))
	}
	var lines []string
	for _, n := range notes {
		if n.Kind == planner.NoteBreaksWorker {
			lines = append(lines, breaksReader(in, n.Store, n.Secret, n.Reader, n.Worker)+at(n.Pos))
		}
		if n.Kind == planner.NoteChangedBy && n.Outside != nil {
			lines = append(lines, in.Secret(n.Store, n.Secret)+" was changed outside: "+changedBy(*n.Outside))
		}
	}
	for _, g := range order {
		if g.kind != planner.NoteBreaksWorker && g.kind != planner.NoteBindingsUnread && g.kind != planner.NoteChangedBy {
			lines = append(lines, noteLine(planner.Note{Kind: g.kind, Store: g.store, Value: g.value}, names[g], in))
		}
	}
	if unread := unreadPlaces(notes); len(unread) > 0 {
		lines = append(lines, "bindings could not be read, so it is unknown which Workers this plan breaks (bindings check says why): "+
			Shortened(unread))
	}
	return lines
}

func unreadPlaces(notes []planner.Note) []string {
	var places []string
	for _, n := range notes {
		if n.Kind == planner.NoteBindingsUnread {
			places = append(places, place(n.Pos))
		}
	}
	return places
}

// place is a position in a file.
func place(pos planner.Position) string {
	pos.File = foreign.Path(pos.File)
	return pos.String()
}

// maxNames bounds the names in a note.
const maxNames = 12

// Shortened is a list of names, with only the first few of many.
func Shortened(names []string) string {
	if more := len(names) - maxNames; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), more)
	}
	return strings.Join(names, ", ")
}

// notRotated says why matching secrets are not rotated.
var notRotated = map[planner.NoteKind]string{
	planner.NoteRotateNotDesired:  "the manifest no longer has them",
	planner.NoteRotateOtherSource: "their values are not generated; change them at their source",
	planner.NoteRotateExternal:    "they are external; their owner can rotate them",
	planner.NoteRotateNotLive:     "they do not exist; apply creates them",
	planner.NoteRotateNotRecorded: "they exist but are not in the lockfile; adopt them first",
	planner.NoteRotatePending:     "an earlier write was interrupted; apply completes it",
}

// noteWords are notes on secrets of a store: %[1]s is the store, %[2]s the names.
var noteWords = map[planner.NoteKind]string{
	planner.NoteLagging:        "Cloudflare's list of %[1]s is older than our last write; the lockfile is used instead: %[2]s",
	planner.NoteBackwards:      "in %[1]s, Cloudflare's last-modified time is older than our last write: was the lockfile edited, or the store restored? The lockfile is used: %[2]s",
	planner.NoteActivated:      "in %[1]s, activation after the last apply updated the last-modified time; the values are assumed to be the ones that were sent: %[2]s",
	planner.NoteListIncomplete: "Cloudflare's list of %[1]s is incomplete: recorded secrets were read one by one, others may exist that this plan does not show",
	planner.NoteMayExist:       "may already exist, because Cloudflare's list of %[1]s is incomplete; if so, creating them fails and nothing is overwritten: %[2]s",
	planner.NoteAssumedChanged: "in %[1]s, the last-modified time changed, but neither scopes nor comment did. Values cannot be read, so they may have " +
		"changed, and are sent again (generated ones are replaced). Deploying a Worker that binds a secret may update that time as well. " +
		"If the values were not changed, lock accept records the times and sends nothing: %[2]s",
	planner.NoteValueLagging:    "in %[1]s, Workers read other values than the ones that were sent moments ago; they may not have those yet: %[2]s",
	planner.NoteVerifiedAtApply: "exist in %[1]s, and are adopted by apply only if it verifies that their values are the manifest's: %[2]s",
	planner.NoteKeptOther:       "adopted in %[1]s as they are, and their values are known not to be the manifest's; none is sent until it changes at its source: %[2]s",
	planner.NoteInterrupted:     "the last apply was interrupted in %[1]s, outcome unknown: %[2]s",
	planner.NoteValueUnknown:    "values in %[1]s could not be compared: %[2]s",
	planner.NoteRenamed:         "old names that will be removed from %[1]s; redeploy Workers that bind them with the new names, or keep both for one apply: %[2]s",
	planner.NoteMaybeRenamed:    "had another name in %[1]s before; without the key it is unknown whether this is a rename or a creation and a deletion: %[2]s",
	planner.NoteRotationOverdue: "past rotate_after in %[1]s; change these values at their source: %[2]s",
	planner.NoteKept:            "no longer in the manifest under delete: false, kept in %[1]s: %[2]s",
	planner.NoteStoreKept:       "the store %[1]s is kept: secrets remain in it",
	planner.NoteUnproven: "created in %[1]s by an interrupted apply, unless another client did in the same seconds; the values are assumed to be right and are not sent. " +
		"adopt: overwrite sends them, adopt: keep records them as they are: %[2]s",
	planner.NoteAccepted:     "accepted with lock accept in %[1]s; the values in Cloudflare are not known, and none is sent until it changes at its source: %[2]s",
	planner.NoteAdoptIgnored: "adopt does nothing in %[1]s for secrets that the lockfile has already; lock accept keeps what is in Cloudflare: %[2]s",
}

// provenNotes are notes on values that were verified.
var provenNotes = map[planner.NoteKind]map[planner.LiveValue]string{
	planner.NoteAccepted: {
		planner.LiveOther:      "accepted with lock accept in %[1]s; the values in Cloudflare are known not to be the manifest's, and none is sent until it changes at its source: %[2]s",
		planner.LiveUnreadable: "accepted with lock accept in %[1]s; no Worker can read the values in Cloudflare, so they are not known, and none is sent until it changes at its source: %[2]s",
	},
	planner.NoteAssumedChanged: {
		planner.LiveUnreadable: "in %[1]s, the last-modified time changed, but neither scopes nor comment did. No Worker can read the values, so they could not be verified: they may have " +
			"changed, and are sent again (generated ones are replaced). If they were not changed, lock accept records the times and sends nothing: %[2]s",
	},
}

// noteLine describes notes that differ by their secrets only.
func noteLine(n planner.Note, names []string, known Names) string {
	kind, store := n.Kind, n.Store
	list, in := Shortened(names), known.Store(store)
	if why := notRotated[kind]; why != "" {
		return fmt.Sprintf("not rotated in %s, because %s: %s", in, why, list)
	}
	if words := provenNotes[kind][n.Value]; words != "" {
		return fmt.Sprintf(words, in, list)
	}
	switch kind {
	case planner.NoteUnmanaged:
		return fmt.Sprintf("%s in %s not managed by this manifest, left alone: %s", count(len(names), "secret"), in, list)
	case planner.NoteStoreKept, planner.NoteListIncomplete:
		return fmt.Sprintf(noteWords[kind], in)
	case planner.NoteReadersUnread:
		return readersUnread(store)
	case planner.NoteOtherStore:
		return fmt.Sprintf("account %s already has the store %q, and Cloudflare has allowed one per account so far: it may refuse to create another", foreign.Word(string(store.Account)), Safe(store.Name))
	}
	if words := noteWords[kind]; words != "" {
		return fmt.Sprintf(words, in, list)
	}
	return fmt.Sprintf("%s in %s: %s", Safe(string(kind)), in, list)
}

// readersUnread says that a plan may break readers that are not known.
func readersUnread(store planner.StoreKey) string {
	return fmt.Sprintf("what is deployed in account %s could not all be read, so it is unknown which of its Workers, AI Gateways and container registries this plan breaks", foreign.Word(string(store.Account)))
}
