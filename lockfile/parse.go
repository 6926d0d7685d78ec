package lockfile

import (
	"bytes"
	"encoding/json"
	"regexp"

	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/visible"
)

// Parse reads a lockfile's content. name is the file name for the positions in errors,
// which are an [ErrorList]. They say what to do and quote names, but no other content.
func Parse(name string, data []byte) (*File, error) {
	r, f := newReader(name, data), new(File)
	if at, what, todo := damage(data); what != "" {
		r.fail(at, todo, "%s", what)
		return nil, r.errs.Err()
	}
	version, versionAt := 0, 0
	r.object(map[string]func(){
		"version":         func() { versionAt = r.next(); r.integer(&version) },
		"api":             text(r, &f.API, loopback),
		"fingerprint_key": func() { r.key(&f.Key) },
		"stores":          func() { r.list(func() { r.store(f) }) },
	})
	switch {
	case version > Version: // other mistakes may be valid in that version
		r.errs = nil
		r.fail(versionAt, upgrade, "the lockfile was written by a newer version of secretsync")
	case version < Version:
		r.fail(versionAt, restore, `"version" is not %d, so this is not a lockfile`, Version)
	case f.Key.ID == "" && f.hasFingerprints():
		r.fail(0, restore, `there are fingerprints, but "fingerprint_key" is missing`)
	}
	if err := r.errs.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) hasFingerprints() bool {
	for _, st := range f.Stores {
		for _, sec := range st.Secrets {
			if sec.Fingerprint != "" {
				return true
			}
		}
	}
	return false
}

func (r *reader) key(k *Key) {
	r.object(map[string]func(){
		"id":     text(r, &k.ID, keyID),
		"sealed": func() { k.Sealed = r.sealed() },
	}, "id")
}

// sealed reads a SOPS document and compacts it. Without SOPS's metadata it could be an
// unencrypted key.
func (r *reader) sealed() json.RawMessage {
	at := r.next()
	if !r.starts("{", "a SOPS document") {
		return nil
	}
	raw := r.value()
	var document struct {
		SOPS map[string]any `json:"sops"`
	}
	if json.Unmarshal(raw, &document) != nil || document.SOPS == nil {
		r.fail(at, hideAway, "expected a SOPS document with SOPS's metadata")
	}
	var compact bytes.Buffer
	_ = json.Compact(&compact, raw) // raw is well-formed
	return compact.Bytes()
}

func (r *reader) store(f *File) {
	at := r.next()
	var k StoreKey
	var st Store
	r.object(map[string]func(){
		"account_id": r.account(&k.Account),
		"id":         text(r, &st.ID, remoteID),
		"name":       text(r, &k.Name, plainName),
		"delete":     r.boolean(&st.Delete),
		"secrets":    func() { r.members(func(name string, at int) { st.PutSecret(name, r.secret(name, at)) }) },
	}, "account_id", "name")
	if f.Stores[k] != nil {
		r.fail(at, settle, "store %q is given twice", k.Name)
	}
	*f.PutStore(k, "") = st
}

// account returns a function that reads an account's id into dst, in lower case.
func (r *reader) account(dst *AccountID) func() {
	return func() {
		var s string
		text(r, &s, accountID)()
		s, _ = hexid.Parse(s)
		*dst = AccountID(s)
	}
}

func (r *reader) secret(name string, at int) Secret {
	if !plainName.ok(name) {
		r.fail(at, unedit, "expected %s", plainName.want)
	}
	var x Secret
	r.object(map[string]func(){
		"id":          text(r, &x.ID, remoteID),
		"scopes":      r.texts(&x.Scopes, plainName),
		"comment":     text(r, &x.Comment, anyText),
		"modified":    text(r, &x.Modified, moment),
		"status":      text(r, &x.Status, notActive),
		"applied":     r.time(&x.Applied),
		"accepted":    r.time(&x.Accepted),
		"fingerprint": text(r, &x.Fingerprint, fingerprint),
		"source":      text(r, &x.Source, anyText),
		"ciphertext":  text(r, &x.Ciphertext, digest),
		"delete":      r.boolean(&x.Delete),
		"pending":     func() { x.Pending = r.pending() },
	})
	return x
}

func (r *reader) pending() *Pending {
	p := new(Pending)
	r.object(map[string]func(){
		"op":          text(r, &p.Op, operation),
		"since":       r.time(&p.Since),
		"until":       r.time(&p.Until),
		"seen":        r.time(&p.ListedAt),
		"was":         text(r, &p.PreviousID, remoteID),
		"value":       r.boolean(&p.Value),
		"fingerprint": text(r, &p.Fingerprint, fingerprint),
		"ciphertext":  text(r, &p.Ciphertext, digest),
	}, "op", "since")
	return p
}

// form is what a string must look like; want describes it.
type form struct {
	ok   func(string) bool
	want string
}

var (
	loopback  = form{func(s string) bool { return s == APILoopback }, `"loopback" (no such field for Cloudflare's API)`}
	accountID = form{func(s string) bool { _, ok := hexid.Parse(s); return ok }, "an account id (32 hexadecimal digits)"}
	// remoteID allows more than Cloudflare's ids of today, but only what is harmless in a
	// URL: a lockfile may come from a pull request.
	remoteID    = form{regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`).MatchString, "a Cloudflare id"}
	keyID       = form{regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString, "a key id (16 hexadecimal digits)"}
	digest      = form{regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString, `"sha256:" and 64 hexadecimal digits`}
	operation   = form{regexp.MustCompile(`^[a-z][a-z-]{0,31}$`).MatchString, "an operation"}
	fingerprint = form{func(s string) bool { return secret.Fingerprint(s).Valid() }, "a fingerprint"}
	// moment is RFC 3339 today. It allows more, because a change of Cloudflare's format
	// must not stop an apply halfway.
	moment    = form{regexp.MustCompile(`^[0-9A-Za-z:.+ -]{1,64}$`).MatchString, "a time"}
	notActive = form{func(s string) bool { return s == StatusPending }, `"pending" (no such field for an active secret)`}
	second    = form{func(s string) bool { _, ok := parseTime(s); return ok }, "an RFC 3339 time in UTC and whole seconds"}
	plainName = form{isPlain, "a name"}
	anyText   = form{func(string) bool { return true }, "a string"}
)

// isPlain reports whether a name can be shown and written anywhere without harm.
func isPlain(s string) bool { return s != "" && visible.Text(s) == s }
