package leaks

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// TestLockfileTellsNothing attacks lockfiles as a reader could: with a list of 10,000 values
// that includes the right ones, with two lockfiles of the same values, and with the
// lockfiles of two days.
func TestLockfileTellsNothing(t *testing.T) {
	short, long, other := "hunter2", strings.Repeat("correct horse ", 200), "battery staple"
	first := applied(t, map[string]string{"a": short, "same-as-a": short, "b": long})
	second := first.copy(t)
	second.apply(map[string]string{"a": short, "same-as-a": short, "b": long})
	changed := first.lock(t)
	first.apply(map[string]string{"a": other, "same-as-a": short, "b": long})
	first.apply(map[string]string{"a": short, "same-as-a": short, "b": long})
	back := first.lock(t)

	parts := map[string]string{} // where each salt and each MAC was found
	for name, f := range map[string]*lockfile.File{"first": changed, "second": second.lock(t), "first, when a value went back": back} {
		length := 0
		for _, r := range publicOf(f) {
			where, sec := name+" "+r.subject.Secret, r.sec
			if length = max(length, len(sec.Fingerprint)); len(sec.Fingerprint) != length {
				t.Errorf("%s: the length of a fingerprint depends on its value", where)
			}
			if name != "second" && r.subject.Secret != "a" {
				continue // one record compared with itself
			}
			for _, part := range strings.Split(string(sec.Fingerprint), ".")[1:] {
				if at, ok := parts[part]; ok {
					t.Errorf("%s and %s have a part in common: their values are equal", at, where)
				}
				parts[part] = where
			}
		}
	}
	for name, f := range map[string]*lockfile.File{"first": back, "second": second.lock(t)} {
		guesses := []string{short, long, other}
		for i := range 10_000 - len(guesses) {
			guesses = append(guesses, fmt.Sprintf("password%d", i))
		}
		tried, found := guess(f, guesses)
		if tried < 900_000 {
			t.Errorf("%d digests were tried", tried)
		}
		for _, what := range found {
			t.Errorf("the %s lockfile: %s", name, what)
		}
	}
	telling := second.lock(t)
	sum := sha256.Sum256([]byte(other))
	for _, st := range telling.Stores {
		for _, sec := range st.Secrets {
			sec.Ciphertext = fmt.Sprintf("sha256:%x", sum)
		}
	}
	if _, found := guess(telling, []string{short, other}); len(found) == 0 {
		t.Error("a lockfile with a digest is not told from one without")
	}
}

// TestLockfileLengthTellsNothing changes only the lengths of values.
func TestLockfileLengthTellsNothing(t *testing.T) {
	unsteady := regexp.MustCompile(`"(id|modified|applied|fingerprint)": "[^"]*"`)
	var shapes []string
	for _, n := range []int{1, 16, 65536} {
		p := applied(t, map[string]string{"a": strings.Repeat("x", n), "b": "y"})
		data, err := os.ReadFile(p.Path("secretsync.lock"))
		program.Must(t, err)
		shapes = append(shapes, fmt.Sprintf("%d bytes: %s", len(data), unsteady.ReplaceAll(data, []byte(`"$1": "-"`))))
	}
	if shapes[0] != shapes[1] || shapes[1] != shapes[2] {
		t.Errorf("lockfiles of values of different lengths differ:\n%s", strings.Join(shapes, "\n"))
	}
}

// lockProject is a project that was applied once.
type lockProject struct{ *program.Project }

func applied(t *testing.T, values map[string]string) lockProject {
	t.Helper()
	server := program.Emulator(t, emulator.Options{RateLimit: -1})
	p := lockProject{program.NewProject(t, server.BaseURL())}
	p.apply(values)
	return p
}

func (p lockProject) apply(values map[string]string) {
	p.T.Helper()
	text := "version: 1\nstores: {prod: {secrets: {"
	for name, value := range values {
		p.Write(name+".txt", value)
		text += fmt.Sprintf("%s: {from: {file: %s.txt}, adopt: overwrite}, ", name, name)
	}
	p.Write("secretsync.yaml", text+"}}}\n")
	if code, _ := p.Run("apply", "--auto-approve"); code != program.OK {
		p.T.Fatalf("apply: exit code %d", code)
	}
}

// copy is the same project of another user, who has another key and no lockfile.
func (p lockProject) copy(t *testing.T) lockProject {
	return lockProject{program.NewProject(t, p.Env["CLOUDFLARE_API_BASE_URL"])}
}

func (p lockProject) lock(t *testing.T) *lockfile.File {
	t.Helper()
	f, err := lockfile.Read(p.Path("secretsync.lock"))
	program.Must(t, err)
	return f
}

// public is what every reader knows about a record.
type public struct {
	sec                 *lockfile.Secret
	subject             secret.Subject
	salt, mac, together []byte
}

func publicOf(f *lockfile.File) (all []public) {
	for k, st := range f.All() {
		for name, sec := range st.All() {
			p := strings.Split(string(sec.Fingerprint), ".")
			salt, _ := base64.RawURLEncoding.DecodeString(p[1])
			mac, _ := base64.RawURLEncoding.DecodeString(p[2])
			subject := secret.Subject{AccountID: string(k.Account), Store: k.Name, Secret: name}
			all = append(all, public{sec, subject, salt, mac, []byte(subject.AccountID + subject.Store + name)})
		}
	}
	return all
}

// guess computes every digest of every value that an attacker without the key could, and
// searches a lockfile for them. It returns how many it tried, and the matches.
func guess(f *lockfile.File, values []string) (tried int, found []string) {
	content := f.Format()
	records, there := publicOf(f), map[[16]byte]bool{} // truncated digests count too
	note := func(b []byte) {
		for i := 0; i+16 <= len(b); i++ {
			there[[16]byte(b[i:])] = true
		}
	}
	for _, digits := range regexp.MustCompile(`[0-9a-fA-F]{32,}`).FindAll(content, -1) {
		for i := range 2 {
			b, _ := hex.DecodeString(string(digits[i : i+(len(digits)-i)/2*2]))
			note(b)
		}
	}
	for _, r := range records {
		note(r.salt)
		note(r.mac)
	}
	for _, v := range values {
		for _, h := range []func() hash.Hash{md5.New, sha1.New, sha256.New, sha512.New} {
			for _, r := range records {
				for i, d := range digestsOf(h, r, f.Key.ID, v) {
					if tried++; there[[16]byte(d)] {
						found = append(found, fmt.Sprintf("a digest of %.20q, made in way %d", v, i))
					}
				}
			}
		}
		for _, r := range records { // the fingerprint itself, under well-known keys
			for _, key := range []string{f.Key.ID, r.subject.Secret, strings.Repeat("\x00", 32)} {
				k, _ := secret.ParseKey(base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%-32.32s", key)))
				if tried++; k.Matches(r.sec.Fingerprint, r.subject, secret.New([]byte(v))) {
					found = append(found, "the fingerprint of "+r.subject.Secret+" under a key that anybody has")
				}
			}
		}
		if bytes.Contains(content, []byte(v)) {
			found = append(found, fmt.Sprintf("the value %.20q", v))
		}
	}
	return tried, found
}

// digestsOf are a value's digests that need no secret.
func digestsOf(h func() hash.Hash, r public, keyID, v string) (sums [][]byte) {
	for _, text := range [][]byte{[]byte(v), join(r.salt, []byte(v)), join([]byte(v), r.salt), join(r.together, r.salt, []byte(v))} {
		d := h()
		d.Write(text)
		sums = append(sums, d.Sum(nil))
	}
	for _, key := range [][]byte{r.salt, []byte(r.subject.Secret), []byte(keyID)} {
		d := hmac.New(h, key)
		d.Write([]byte(v))
		sums = append(sums, d.Sum(nil))
	}
	return sums
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
