package lockfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/visible"
)

// fileJSON determines the order of the fields.
type fileJSON struct {
	Version int         `json:"version"`
	API     string      `json:"api,omitempty"`
	Shared  *sharedJSON `json:"shared,omitempty"`
	Key     Key         `json:"fingerprint_key,omitzero"`
	Stores  []storeJSON `json:"stores"`
}

type sharedJSON struct {
	Lineage    string `json:"lineage"`
	Generation int    `json:"generation"`
	Run        string `json:"run,omitempty"`
	Journal    string `json:"journal,omitempty"`
}

// storeJSON keeps all facts about a secret together, one field a line, so that git can
// merge changes to different secrets.
type storeJSON struct {
	AccountID AccountID             `json:"account_id"`
	ID        StoreID               `json:"id,omitempty"`
	Name      string                `json:"name"`
	Delete    bool                  `json:"delete,omitempty"`
	Secrets   map[string]secretJSON `json:"secrets"` // encoding/json sorts the keys
}

type secretJSON struct {
	ID          SecretID           `json:"id,omitempty"`
	Scopes      []string           `json:"scopes,omitempty"`
	Comment     string             `json:"comment,omitempty"`
	Modified    Modified           `json:"modified,omitempty"`
	Status      string             `json:"status,omitempty"`
	Applied     string             `json:"applied,omitempty"`
	Accepted    string             `json:"accepted,omitempty"`
	Fingerprint secret.Fingerprint `json:"fingerprint,omitempty"`
	Source      string             `json:"source,omitempty"`
	Ciphertext  string             `json:"ciphertext,omitempty"`
	Delete      bool               `json:"delete"`
	PreviousOf  string             `json:"previous_of,omitempty"`
	KeptSince   string             `json:"kept_since,omitempty"`
	Pending     *pendingJSON       `json:"pending,omitempty"`
}

type pendingJSON struct {
	Op         string   `json:"op"`
	Since      string   `json:"since"`
	Until      string   `json:"until,omitempty"`
	ListedAt   string   `json:"seen,omitempty"`
	PreviousID SecretID `json:"was,omitempty"`
	Value      bool     `json:"value,omitempty"`

	Fingerprint secret.Fingerprint `json:"fingerprint,omitempty"`
	Ciphertext  string             `json:"ciphertext,omitempty"`
}

// Format returns the file as JSON that [Parse] reads. Stores, secrets and scopes are sorted;
// Cloudflare returns scopes sorted as well (docs/cloudflare-api.md §1.2). Characters that
// could deceive a reader, such as those that change the direction of text, are escaped.
// It panics if Key.Sealed is not JSON.
func (f *File) Format() []byte { return f.encode("  ") }

// encode is Format with another indentation.
func (f *File) encode(indent string) []byte {
	out := fileJSON{Version: Version, API: f.API, Key: f.Key, Stores: []storeJSON{}}
	if f.Shared != (Shared{}) {
		shared := sharedJSON(f.Shared)
		out.Shared = &shared
	}
	for k, st := range f.All() {
		secrets := make(map[string]secretJSON, len(st.Secrets))
		for name, sec := range st.Secrets {
			secrets[name] = sec.json()
		}
		out.Stores = append(out.Stores, storeJSON{k.Account, st.ID, k.Name, st.Delete, secrets})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(out); err != nil {
		panic(fmt.Sprintf("lockfile: the sealed key cannot be encoded: %T", err))
	}
	return visible.JSON(b.Bytes())
}

func (s *Secret) json() secretJSON {
	out := secretJSON{
		ID: s.ID, Scopes: slices.Sorted(slices.Values(s.Scopes)), Comment: s.Comment, Modified: s.Modified, Status: s.Status,
		Applied: formatTime(s.Applied), Accepted: formatTime(s.Accepted),
		Fingerprint: s.Fingerprint, Source: s.Source, Ciphertext: s.Ciphertext, Delete: s.Delete,
		PreviousOf: s.PreviousOf, KeptSince: formatTime(s.KeptSince),
	}
	if p := s.Pending; p != nil {
		out.Pending = &pendingJSON{
			p.Op, formatTime(p.Since), formatTime(p.Until), formatTime(p.ListedAt), p.PreviousID, p.Value, p.Fingerprint, p.Ciphertext,
		}
	}
	return out
}

// formatTime returns "" for the zero time.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// parseTime accepts exactly what formatTime returns for a time that is not zero.
func parseTime(s string) (t time.Time, ok bool) {
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil && formatTime(t) == s
}
