// Package report is the overview of a project's stores and secrets, for people who look rather than
// read: as a page in HTML, as JSON, and as text.
//
// Call [New] with what the engine found out, then one of the methods of [Report]. Everything is
// computed here, by the time of the report: the page's script sorts and filters, and nothing else.
package report

import (
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
)

// Report is the overview. Its JSON is the output of report --format json (docs/report.md).
type Report struct {
	SchemaVersion int       `json:"schema_version"`
	Time          time.Time `json:"time"`
	Manifest      string    `json:"manifest"`
	Commit        string    `json:"commit,omitempty"`
	RunURL        string    `json:"run_url,omitempty"`
	// Complete is false if something could not be read.
	Complete bool `json:"complete"`
	// Asked is what was looked up beyond the lists of secrets.
	Asked   Asked    `json:"asked"`
	Stores  []Store  `json:"stores"`
	Quotas  []Quota  `json:"quotas"`
	Secrets []Secret `json:"secrets"`
	// UnreadConfigs are the wrangler configurations whose bindings could not be read, and
	// UnreadReaders the accounts whose deployed readers could not all be read.
	UnreadConfigs []string `json:"unread_configs,omitempty"`
	UnreadReaders []string `json:"unread_readers,omitempty"`
}

// Asked says which flags were given.
type Asked struct {
	Who          bool `json:"who"`
	Verify       bool `json:"verify"`
	LiveBindings bool `json:"live_bindings"`
}

// Store is a store.
type Store struct {
	AccountID string `json:"account_id"`
	Store     string `json:"store"`
	StoreID   string `json:"store_id,omitempty"`
	// State is "live", "missing" or "unread".
	State StoreState `json:"state"`
	// Incomplete says that Cloudflare's list was known to lack some secrets.
	Incomplete bool `json:"incomplete,omitempty"`
	// Secrets counts the secrets in the report. Others counts live ones that it leaves out, because
	// they are outside the manifest's prefixes or ignored.
	Secrets int `json:"secrets"`
	Others  int `json:"others"`
	// Findings are the findings about the store as a whole.
	Findings []Finding `json:"findings"`
}

// StoreState says whether a store exists.
type StoreState string

// The states of stores.
const (
	StoreLive    StoreState = "live"
	StoreMissing StoreState = "missing"
	StoreUnread  StoreState = "unread"
)

// Quota is an account's number of secrets, and how many it may have.
type Quota struct {
	AccountID string `json:"account_id"`
	Usage     int    `json:"usage"`
	Limit     int    `json:"limit"`
}

// Secret is a secret.
type Secret struct {
	AccountID string `json:"account_id"`
	Store     string `json:"store"`
	Secret    string `json:"secret"`
	SecretID  string `json:"secret_id,omitempty"`
	State     State  `json:"state"`
	// Value is what is known about the live value.
	Value Value `json:"value"`
	// Source describes where the value comes from; SourceKind is its first word.
	SourceKind string   `json:"source_kind,omitempty"`
	Source     string   `json:"source,omitempty"`
	Scopes     []string `json:"scopes"`
	Comment    string   `json:"comment,omitempty"`
	// Applied is when the value was last sent, and so last rotated. Created and Modified are
	// Cloudflare's.
	Applied  *time.Time       `json:"applied,omitempty"`
	Created  planner.Modified `json:"created,omitempty"`
	Modified planner.Modified `json:"modified,omitempty"`
	// RotateAfterSeconds is the age at which the value is due for rotation, and Due when it
	// reaches it. Overdue is also true for a value with a policy that was never sent.
	RotateAfterSeconds int64      `json:"rotate_after_seconds,omitempty"`
	Due                *time.Time `json:"due,omitempty"`
	Overdue            bool       `json:"overdue"`
	// Generated says that a rotation generates the value.
	Generated bool `json:"generated"`
	// PreviousOf is the secret whose earlier value it keeps.
	PreviousOf string    `json:"previous_of,omitempty"`
	Readers    []Reader  `json:"readers"`
	Findings   []Finding `json:"findings"`
}

// Reader is what reads a secret.
type Reader struct {
	Kind    planner.ReaderKind `json:"kind"`
	Name    string             `json:"name"`
	Binding string             `json:"binding,omitempty"`
	// Position is where a wrangler configuration says so; empty for what is only deployed.
	Position string `json:"position,omitempty"`
	// Deployed says that Cloudflare lists it.
	Deployed bool `json:"deployed"`
}

// Finding is a difference between the live state and the lockfile.
type Finding struct {
	Kind   planner.DriftKind `json:"kind"`
	Counts bool              `json:"counts"`
	Text   string            `json:"text"`
	// ChangedBy is absent if the audit log was not read.
	ChangedBy *planfile.ChangedBy `json:"changed_by,omitempty"`
}

// New describes an inventory.
func New(inv *reconcile.Inventory, manifest string, origin render.Origin, asked Asked) *Report {
	r := &Report{
		SchemaVersion: 1, Time: inv.Time.UTC().Truncate(time.Second), Manifest: manifest, Commit: origin.Commit(), RunURL: origin.RunURL(),
		Complete: inv.Unreachable == nil && len(inv.UnreadReaders)+len(inv.UnreadConfigs) == 0, Asked: asked,
		Stores: []Store{}, Quotas: []Quota{}, Secrets: []Secret{},
	}
	found := map[planner.SecretKey][]planner.Drift{}
	for _, d := range inv.Findings {
		k := d.Store.Secret(d.Secret)
		found[k] = append(found[k], d)
	}
	for _, st := range inv.Stores {
		store := Store{
			AccountID: string(st.Key.Account), Store: st.Key.Name, StoreID: string(st.ID), State: StoreMissing,
			Incomplete: st.Incomplete, Secrets: len(st.Secrets), Others: st.Others, Findings: findings(found[st.Key.Secret("")]),
		}
		switch {
		case st.Unread:
			store.State = StoreUnread
		case st.Exists:
			store.State = StoreLive
		}
		r.Stores = append(r.Stores, store)
		r.Complete = r.Complete && !st.Incomplete
		r.addQuota(inv, st)
		for _, sec := range st.Secrets {
			r.Secrets = append(r.Secrets, describe(st, sec, found[sec.Key], r.Time))
		}
	}
	for _, id := range inv.UnreadReaders {
		r.UnreadReaders = append(r.UnreadReaders, string(id))
	}
	for _, pos := range inv.UnreadConfigs {
		r.UnreadConfigs = append(r.UnreadConfigs, pos.String())
	}
	return r
}

// addQuota adds the quota of a store's account, once.
func (r *Report) addQuota(inv *reconcile.Inventory, st reconcile.StoreInventory) {
	id := string(st.Key.Account)
	q, ok := inv.Quotas[st.Key.Account]
	if ok && !slices.ContainsFunc(r.Quotas, func(q Quota) bool { return q.AccountID == id }) {
		r.Quotas = append(r.Quotas, Quota{AccountID: id, Usage: q.Usage, Limit: q.Limit})
	}
	r.Complete = r.Complete && ok
}

// quota returns the quota of an account, if it is known.
func (r *Report) quota(account string) (Quota, bool) {
	i := slices.IndexFunc(r.Quotas, func(q Quota) bool { return q.AccountID == account })
	if i < 0 {
		return Quota{}, false
	}
	return r.Quotas[i], true
}

// describe is a secret with everything that follows from its three versions.
func describe(st reconcile.StoreInventory, in reconcile.SecretInventory, found []planner.Drift, now time.Time) Secret {
	s := Secret{
		AccountID: string(st.Key.Account), Store: st.Key.Name, Secret: in.Key.Name, Source: in.Source, Scopes: []string{},
		State: stateOf(st, in, found), Value: valueOf(st, in, found), Readers: readersOf(in.Readers), Findings: findings(found),
	}
	s.SourceKind, _, _ = strings.Cut(in.Source, " ")
	if d := in.Desired; d != nil {
		s.Scopes, s.Generated = orNone(d.Scopes), d.Generated
		if d.Comment != nil {
			s.Comment = *d.Comment
		}
		s.RotateAfterSeconds = int64(d.RotateAfter / time.Second)
	}
	if r := in.Recorded; r != nil {
		s.SecretID, s.Scopes, s.Comment, s.PreviousOf = string(r.ID), orNone(r.Scopes), r.Comment, r.PreviousOf
		s.Modified = r.Modified
		s.rotation(in, now)
	}
	if l := in.Live; l != nil {
		s.SecretID, s.Comment, s.Created, s.Modified = string(l.ID), l.Comment, l.Created, l.Modified
		if l.Scopes != nil {
			s.Scopes = orNone(l.Scopes)
		}
	}
	return s
}

// findings describes findings.
func findings(found []planner.Drift) []Finding {
	all := []Finding{}
	for _, d := range found {
		all = append(all, Finding{d.Kind, d.Counts, render.DriftWords(d), planfile.NewChangedBy(d.Outside)})
	}
	return all
}

// rotation sets when the value was last sent, and when it is due.
func (s *Secret) rotation(in reconcile.SecretInventory, now time.Time) {
	if at := in.Recorded.Applied; !at.IsZero() {
		s.Applied = new(at.UTC())
	}
	if s.RotateAfterSeconds == 0 {
		return
	}
	if s.Applied != nil {
		s.Due = new(s.Applied.Add(in.Desired.RotateAfter))
	}
	s.Overdue = s.Due == nil || !now.Before(*s.Due)
}

// orNone is a list that is not null in JSON.
func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// readersOf joins a Worker's configuration with its deployment: each configured binding with a deployed
// one, in their order, because a Worker may bind a secret twice.
func readersOf(refs []planner.Reference) []Reader {
	readers := []Reader{}
	configured := map[string][]int{} // places in readers of what is not known to be deployed, by the Worker's name
	for _, ref := range refs {
		if at := configured[ref.Worker]; len(at) > 0 && ref.Reader == planner.ReaderDeployed {
			readers[at[0]].Deployed, readers[at[0]].Binding = true, ref.Binding
			configured[ref.Worker] = at[1:]
			continue
		}
		r := Reader{Kind: ref.Reader, Name: ref.Worker, Binding: ref.Binding, Deployed: ref.Reader != planner.ReaderConfigured}
		if ref.Reader == planner.ReaderConfigured {
			r.Position = ref.Pos.String()
			configured[ref.Worker] = append(configured[ref.Worker], len(readers))
		}
		readers = append(readers, r)
	}
	return readers
}
