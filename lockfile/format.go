package lockfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/secretsync/secretsync/internal/visible"
)

// fileJSON is the order of a lockfile's fields.
type fileJSON struct {
	Version int         `json:"version"`
	API     string      `json:"api,omitempty"`
	Key     Key         `json:"fingerprint_key,omitzero"`
	Stores  []storeJSON `json:"stores"`
}

// storeJSON keeps secrets under their names and a field on each line, so that git
// can merge changes to different secrets.
type storeJSON struct {
	AccountID string            `json:"account_id"`
	ID        string            `json:"id,omitempty"`
	Name      string            `json:"name"`
	Delete    bool              `json:"delete,omitempty"`
	Secrets   map[string]Secret `json:"secrets"` // encoding/json sorts the keys
}

// Format renders the file as [Parse] reads it: sorted by account, store and
// secret, with scopes sorted too, as Cloudflare returns them (docs/cloudflare-api.md
// §1.2). What would deceive a reader, such as a comment that turns the direction of
// text, is escaped. It panics where Key.Sealed isn't JSON.
func (f *File) Format() []byte {
	out := fileJSON{Version: Version, API: f.API, Key: f.Key, Stores: []storeJSON{}}
	for _, s := range f.Stores {
		secrets := make(map[string]Secret, len(s.Secrets))
		for _, x := range s.Secrets {
			x.Scopes = slices.Sorted(slices.Values(x.Scopes))
			secrets[x.Name] = x
		}
		out.Stores = append(out.Stores, storeJSON{s.AccountID, s.ID, s.Name, s.Delete, secrets})
	}
	slices.SortStableFunc(out.Stores, func(a, b storeJSON) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Name, b.Name))
	})
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		panic(fmt.Sprintf("lockfile: the sealed key cannot be encoded: %T", err))
	}
	return visible.JSON(b.Bytes())
}
