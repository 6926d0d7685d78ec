package lockfile

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

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
	r.object(func(field []byte) bool {
		switch string(field) {
		case "version":
			versionAt = r.next()
			r.integer(&version)
		case "api":
			text(r, &f.API, loopback)
		case "shared":
			r.shared(&f.Shared)
		case "fingerprint_key":
			r.key(&f.Key)
		case "stores":
			r.list(func() { r.store(f) })
		default:
			return false
		}
		return true
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

func (r *reader) shared(s *Shared) {
	r.object(func(field []byte) bool {
		switch string(field) {
		case "lineage":
			text(r, &s.Lineage, randomID)
		case "generation":
			r.integer(&s.Generation)
		case "run":
			text(r, &s.Run, randomID)
		case "journal":
			text(r, &s.Journal, randomID)
		default:
			return false
		}
		return true
	}, "lineage", "generation")
}

func (r *reader) key(k *Key) {
	r.object(func(field []byte) bool {
		switch string(field) {
		case "id":
			text(r, &k.ID, keyID)
		case "sealed":
			k.Sealed = r.sealed()
		default:
			return false
		}
		return true
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
	r.object(func(field []byte) bool {
		switch string(field) {
		case "account_id":
			r.account(&k.Account)
		case "id":
			text(r, &st.ID, remoteID)
		case "name":
			text(r, &k.Name, plainName)
		case "delete":
			r.boolean(&st.Delete)
		case "secrets":
			r.secrets(&st)
		default:
			return false
		}
		return true
	}, "account_id", "name")
	if f.Stores[k] != nil {
		r.fail(at, settle, "store %q is given twice", k.Name)
	}
	*f.PutStore(k, "") = st
}

// account reads an account's id, in lower case.
func (r *reader) account(dst *AccountID) {
	var s string
	text(r, &s, accountID)
	s, _ = hexid.Parse(s)
	*dst = AccountID(s)
}

func (r *reader) secrets(st *Store) {
	seen := map[string]int{}
	r.members(func(m member) {
		name := string(m.name)
		if first, twice := seen[name]; twice {
			r.twice(m, first)
		} else {
			seen[name] = m.at
		}
		if !plainName.ok(name) {
			r.fail(m.at, unedit, "expected %s", plainName.want)
		}
		r.secret(st.PutSecret(name, Secret{}))
	})
}

func (r *reader) secret(x *Secret) {
	r.object(func(field []byte) bool {
		switch string(field) {
		case "id":
			text(r, &x.ID, remoteID)
		case "scopes":
			r.texts(&x.Scopes, plainName)
		case "comment":
			text(r, &x.Comment, anyText)
		case "modified":
			text(r, &x.Modified, moment)
		case "status":
			text(r, &x.Status, notActive)
		case "applied":
			r.time(&x.Applied)
		case "accepted":
			r.time(&x.Accepted)
		case "fingerprint":
			text(r, &x.Fingerprint, fingerprint)
		case "source":
			text(r, &x.Source, anyText)
		case "ciphertext":
			text(r, &x.Ciphertext, digest)
		case "delete":
			r.boolean(&x.Delete)
		case "previous_of":
			text(r, &x.PreviousOf, plainName)
		case "kept_since":
			r.time(&x.KeptSince)
		case "pending":
			x.Pending = r.pending()
		default:
			return false
		}
		return true
	})
}

func (r *reader) pending() *Pending {
	p := new(Pending)
	r.object(func(field []byte) bool {
		switch string(field) {
		case "op":
			text(r, &p.Op, operation)
		case "since":
			r.time(&p.Since)
		case "until":
			r.time(&p.Until)
		case "seen":
			r.time(&p.ListedAt)
		case "was":
			text(r, &p.PreviousID, remoteID)
		case "value":
			r.boolean(&p.Value)
		case "fingerprint":
			text(r, &p.Fingerprint, fingerprint)
		case "ciphertext":
			text(r, &p.Ciphertext, digest)
		default:
			return false
		}
		return true
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
	// remoteID allows more than Cloudflare's present ids, but only characters that are harmless in
	// a URL: a lockfile may come from a pull request.
	remoteID    = form{chars(alphanumeric+"_-", 1, 64), "a Cloudflare id"}
	keyID       = form{chars(hexadecimal, 16, 16), "a key id (16 hexadecimal digits)"}
	randomID    = form{chars(hexadecimal, 16, 16), "16 hexadecimal digits"}
	digest      = form{after("sha256:", chars(hexadecimal, 64, 64)), `"sha256:" and 64 hexadecimal digits`}
	operation   = form{regexp.MustCompile(`^[a-z][a-z-]{0,31}$`).MatchString, "an operation"}
	fingerprint = form{func(s string) bool { return secret.Fingerprint(s).Valid() }, "a fingerprint"}
	// moment is RFC 3339 today. It allows more, because a change of Cloudflare's format
	// must not stop an apply halfway.
	moment    = form{chars(alphanumeric+":.+ -", 1, 64), "a time"}
	notActive = form{func(s string) bool { return s == StatusPending }, `"pending" (no such field for an active secret)`}
	plainName = form{isPlain, "a name"}
	anyText   = form{func(string) bool { return true }, "a string"}
)

const (
	hexadecimal  = "0123456789abcdef"
	alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// chars returns a function that reports whether a string has from least to most bytes, all of them
// from a set. A regular expression takes ten times as long, and a lockfile has many ids.
func chars(set string, least, most int) func(string) bool {
	var in [256]bool
	for i := range len(set) {
		in[set[i]] = true
	}
	return func(s string) bool {
		if len(s) < least || len(s) > most {
			return false
		}
		for i := range len(s) {
			if !in[s[i]] {
				return false
			}
		}
		return true
	}
}

// after returns a function that reports whether a string is prefix and a rest that is ok.
func after(prefix string, ok func(string) bool) func(string) bool {
	return func(s string) bool {
		rest, found := strings.CutPrefix(s, prefix)
		return found && ok(rest)
	}
}

// isName is what nearly all names are, so that the slower check is not needed.
var isName = chars(alphanumeric+"_-", 1, 1000)

// isPlain reports whether a name can be shown and written anywhere without harm.
func isPlain(s string) bool { return isName(s) || s != "" && visible.Text(s) == s }
