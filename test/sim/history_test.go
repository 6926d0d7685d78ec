package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

// simulation is a history with the test's own account of what must be true.
type simulation struct {
	*world
	rng            *rand.Rand
	stores         []simStore
	wanted         map[place]*simSpec // the manifest
	stays          map[place]bool     // removed from the manifest, and may still exist
	kept           map[place]string   // removed under delete: false: must exist, with this value
	replaced       map[place]bool     // another client recreated it since the last convergence: not ours
	foreign        map[place]live
	planted        map[string]bool  // names of previous ones with a value of another client
	had            map[place]string // the values of secrets with an overlap when it last converged
	parallelism    string
	names          int
	applies, kills int
	keeping        int  // secrets whose old value was readable after a convergence
	adoptions      int  // of secrets that may have been another client's
	unproven       bool // the last apply failed only because of such secrets
	short          bool // the last apply said that it did not see all secrets
}

type simStore struct{ account, name, prefix string }

// simSpec is a secret of the manifest. Its name there has no prefix.
type simSpec struct {
	label, value   string // no value: a generated one
	scope, comment string
	keep, adopt    bool
	everDeleted    bool // delete was true at some time since the last convergence
	everKept       bool
	from           string // renamed_from
	overlap        bool   // its previous value is kept for a day
}

const secondAccount = "fedcba9876543210fedcba9876543210"

func newSimulation(t *testing.T, rng *rand.Rand) *simulation {
	skew := time.Duration(rng.IntN(3)-1) * time.Minute
	h := &simulation{
		world: newWorld(t, emulator.Options{
			MaxStores: 2, PartialBulkCreate: rng.IntN(2) == 0, NameConflictStatus: 400 + 9*rng.IntN(2),
			PendingFor: time.Duration(rng.IntN(2)) * simPending, ActivationMoves: rng.IntN(2) == 0,
			Now: func() time.Time { return time.Now().Add(skew) },
		}),
		rng: rng, wanted: map[place]*simSpec{}, stays: map[place]bool{}, kept: map[place]string{}, replaced: map[place]bool{},
		foreign: map[place]live{}, had: map[place]string{}, planted: map[string]bool{}, parallelism: []string{"1", "1", "1", "4"}[rng.IntN(4)],
		stores: []simStore{{program.Account, "prod", []string{"", "p-"}[rng.IntN(2)]}},
	}
	switch rng.IntN(3) {
	case 0:
		h.stores = append(h.stores, simStore{program.Account, "other", ""})
	case 1:
		h.stores = append(h.stores, simStore{secondAccount, "prod", ""})
	}
	return h
}

func (h *simulation) accounts() []string { return []string{program.Account, secondAccount} }

func (h *simulation) newValue() string {
	v := fmt.Sprintf("canary-%04d-%016x", len(h.values), h.rng.Uint64())
	h.values[v] = true
	return v
}

// edit changes the manifest.
func (h *simulation) edit() {
	now := h.truth(h.accounts()...)
	for n, st := range h.stores {
		at := func(label string) place { return place{st.account, st.name, st.prefix + label} }
		for i := range 4 { // names differ between stores, so that a plan's rows can be told apart
			label := fmt.Sprintf("s%d-%d", n, i)
			h.editOne(now, at(label), label)
		}
		for _, p := range h.sortedWanted() {
			s := h.wanted[p]
			if p.account != st.account || p.store != st.name || s.from != "" && h.rng.IntN(4) > 0 || h.rng.IntN(6) > 0 {
				continue
			}
			if s.from = ""; h.rng.IntN(2) == 0 {
				h.rename(now, p, at)
			}
		}
	}
	h.writeManifest()
}

func (h *simulation) editOne(now map[place]live, p place, label string) {
	s := h.wanted[p]
	switch h.rng.IntN(4) {
	case 0: // unchanged
		return
	case 1:
		if s != nil {
			h.remove(now, p)
		}
		return
	}
	if s == nil {
		s = &simSpec{label: label, value: h.newValue(), adopt: h.stays[p], everKept: h.stays[p]}
		_, s.everDeleted = now[p] // what an earlier apply recorded may still count
		if h.rng.IntN(4) == 0 {
			s.value = ""
		}
		delete(h.stays, p)
		delete(h.kept, p)
		h.wanted[p] = s
		for _, other := range h.wanted {
			if other.from == label { // a described secret cannot be renamed from
				other.from = ""
			}
		}
	} else if s.value != "" && (s.overlap || h.rng.IntN(2) == 0) {
		s.value = h.newValue()
	}
	s.scope, s.comment = []string{"workers", "dex"}[h.rng.IntN(2)], []string{"", "one", "two"}[h.rng.IntN(3)]
	s.keep, s.overlap = h.rng.IntN(3) == 0, h.rng.IntN(3) == 0 || s.overlap && h.rng.IntN(4) > 0
	if !s.overlap { // even if it has one again before it converges
		delete(h.had, p)
	}
	s.everKept, s.everDeleted = s.everKept || s.keep, s.everDeleted || !s.keep
}

// remove removes a secret from the manifest. One that always had delete: false must stay as
// it is now.
func (h *simulation) remove(now map[place]live, p place) {
	s := h.wanted[p]
	delete(h.wanted, p)
	delete(h.had, p)
	if s.everKept || h.replaced[p] || h.interrupted(p) { // what cannot be proven ours is not deleted
		h.stays[p] = true
	}
	if l, there := now[p]; there && !s.everDeleted {
		h.kept[p] = l.value
	}
}

// rename gives a secret a new name. The old one is deleted, unless the value has to be sent
// again and the old one is kept under delete: false.
func (h *simulation) rename(now map[place]live, old place, at func(string) place) {
	s := *h.wanted[old]
	if _, there := now[old]; !there {
		return
	}
	h.remove(now, old)
	delete(h.kept, old)
	h.names++
	s.from, s.label, s.adopt = s.label, fmt.Sprintf("r%d-%d", h.names, h.rng.IntN(10)), false
	s.everKept, s.everDeleted = s.keep, !s.keep
	h.wanted[at(s.label)] = &s
}

func (h *simulation) sortedWanted() []place {
	return slices.SortedFunc(maps.Keys(h.wanted), func(a, b place) int {
		return strings.Compare(a.account+a.store+"/"+a.name, b.account+b.store+"/"+b.name)
	})
}

func (h *simulation) writeManifest() {
	var m strings.Builder
	m.WriteString("version: 1\naccounts:\n")
	for n, st := range h.stores {
		fmt.Fprintf(&m, "  a%d: {id: %s}\n", n, st.account)
	}
	m.WriteString("stores:\n")
	for n, st := range h.stores {
		fmt.Fprintf(&m, "  store%d:\n    account: a%d\n    name: %s\n    create: true\n    prefix: %q\n    secrets:\n", n, n, st.name, st.prefix)
		for _, p := range h.sortedWanted() {
			if p.account != st.account || p.store != st.name {
				continue
			}
			s := h.wanted[p]
			source := "generate: {bytes: 16, encoding: hex}"
			if s.value != "" {
				source = "from: {file: " + s.label + ".txt}"
				h.write(s.label+".txt", s.value)
			}
			fmt.Fprintf(&m, "      %s: {%s, scopes: [%s], comment: %q, delete: %v", s.label, source, s.scope, s.comment, !s.keep)
			if s.from != "" {
				fmt.Fprintf(&m, ", renamed_from: %s", s.from)
			}
			if s.overlap {
				m.WriteString(", rotate: {overlap: 24h}")
			}
			if s.adopt {
				m.WriteString(", adopt: overwrite")
			}
			m.WriteString("}\n")
		}
	}
	text := strings.ReplaceAll(m.String()+"\n", "    secrets:\n  store", "    secrets: {}\n  store")
	text = strings.ReplaceAll(text, "    secrets:\n\n", "    secrets: {}\n")
	h.write("secretsync.yaml", text)
	fmt.Fprintf(&h.log, "== the manifest:\n%s", text)
}

// changeOutside changes Cloudflare outside git.
func (h *simulation) changeOutside() {
	now := h.truth(h.accounts()...)
	for _, p := range h.sortedWanted() {
		l, there := now[p]
		if !there {
			continue
		}
		at := h.secrets(p)
		switch h.rng.IntN(8) {
		case 0:
			h.send(p.account, http.MethodPatch, at+"/"+l.ID, map[string]any{"value": "outside-" + h.newValue()}, nil)
		case 1:
			h.send(p.account, http.MethodPatch, at+"/"+l.ID, map[string]any{"scopes": []string{"access"}, "comment": "theirs"}, nil)
		case 2:
			h.send(p.account, http.MethodDelete, at+"/"+l.ID, nil, nil)
		case 3:
			h.send(p.account, http.MethodDelete, at+"/"+l.ID, nil, nil)
			h.send(p.account, http.MethodPost, at,
				[]any{map[string]any{"name": p.name, "value": "outside-" + h.newValue(), "scopes": []string{"dex"}}}, nil)
			h.replaced[p] = true
		default:
			h.changePrevious(now, p)
			continue
		}
		delete(h.had, p)
		fmt.Fprintf(&h.log, "== another client changes %s\n", p.name)
	}
	if st := h.stores[h.rng.IntN(len(h.stores))]; len(now) > 0 && h.rng.IntN(2) == 0 {
		p := place{st.account, st.name, fmt.Sprintf("foreign-%d", len(h.foreign))}
		if at := h.secrets(p); at != "" {
			h.send(p.account, http.MethodPost, at, []any{map[string]any{"name": p.name, "value": h.newValue(), "scopes": []string{"workers"}}}, nil)
			time.Sleep(2 * simPending) // its activation may move its modification time
			h.foreign[p] = h.truth(p.account)[p]
		}
	}
}

// previous is the place of the previous value of a secret.
func (p place) previous() place { return place{p.account, p.store, p.name + "-previous"} }

// changePrevious changes or deletes what keeps a previous value.
func (h *simulation) changePrevious(now map[place]live, p place) {
	l, there := now[p.previous()]
	if !there {
		return
	}
	at := h.secrets(p) + "/" + l.ID
	switch h.rng.IntN(8) {
	case 0:
		h.send(p.account, http.MethodPatch, at, map[string]any{"value": "outside-" + h.newValue()}, nil)
		h.planted[p.previous().name] = true
	case 1:
		h.send(p.account, http.MethodDelete, at, nil, nil)
	default:
		return
	}
	delete(h.had, p)
	fmt.Fprintf(&h.log, "== another client changes %s\n", p.previous().name)
}

// secrets returns the path of a store's secrets, or "" if there is no such store.
func (h *simulation) secrets(p place) string {
	var stores []struct{ ID, Name string }
	h.send(p.account, http.MethodGet, "/stores", nil, &stores)
	for _, st := range stores {
		if st.Name == p.store {
			return "/stores/" + st.ID + "/secrets"
		}
	}
	return ""
}
