package secret

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseKey(t *testing.T) {
	raw := make([]byte, KeySize)
	for i := range raw {
		raw[i] = 0xf8 + byte(i)%8 // the characters in which the two alphabets differ
	}
	std, plain := base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw)
	good := map[string]string{
		"standard": std, "URL": base64.URLEncoding.EncodeToString(raw), "unpadded": strings.TrimRight(std, "="), "URL unpadded": plain,
		"line end": std + "\n", "CRLF": std + "\r\n", "white space": "\t " + std + " \n",
	}
	for name, text := range good {
		k, err := ParseKey(text)
		if err != nil || !k.IsSet() || string(k.Export().Reveal()) != std {
			t.Errorf("%s: %v; want the key", name, err)
		}
	}
	bad := map[string]string{
		"nothing": "", "padding": "=", "31 bytes": base64.StdEncoding.EncodeToString(raw[1:]),
		"33 bytes": base64.StdEncoding.EncodeToString(append(raw, 1)), "hexadecimal": hex.EncodeToString(raw),
		"not base64": "!" + std[1:], "blank inside": std[:9] + " " + std[9:], "quoted": `"` + std + `"`, "two keys": std + std,
	}
	for name, text := range bad {
		k, err := ParseKey(text)
		if !errors.Is(err, ErrBadKey) || k.IsSet() {
			t.Errorf("%s: %v; want ErrBadKey", name, err)
		} else if err.Error() != ErrBadKey.Error() {
			t.Errorf("%s: the error says more than that it is no key: %v", name, err)
		}
	}
}

func TestNewKey(t *testing.T) {
	a, b := NewKey(), NewKey()
	if !a.IsSet() || len(a.value.Reveal()) != KeySize {
		t.Error("not a key")
	}
	if a.value.Equal(b.value) || a.ID() == b.ID() {
		t.Error("two new keys are one")
	}
	if (Key{}).IsSet() {
		t.Error("the zero Key is one")
	}
}

func TestKeyID(t *testing.T) {
	k := NewKey()
	again, err := ParseKey(string(k.Export().Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	id := k.ID()
	if again.ID() != id {
		t.Error("the id doesn't survive Export and ParseKey")
	}
	if b, err := hex.DecodeString(id); err != nil || len(b) != 8 || strings.ToLower(id) != id {
		t.Errorf("id %q; want 16 hexadecimal digits", id)
	}
	raw := k.value.Reveal()
	for i := 0; i+4 <= len(raw); i++ {
		if strings.Contains(id, hex.EncodeToString(raw[i:i+4])) {
			t.Errorf("the id holds bytes %d to %d of the key", i, i+4)
		}
	}
}

// What is in lockfiles and plan files must mean the same to every later version. The vectors
// were computed outside this program, from the description of the encoding.
func TestVectors(t *testing.T) {
	raw := make([]byte, KeySize)
	for i := range raw {
		raw[i] = byte(i)
	}
	k := Key{New(raw)}
	s := Subject{AccountID: "0123456789abcdef0123456789abcdef", Store: "default_secrets_store", Secret: "api-key"}
	v := New([]byte("value"))
	const (
		id          = "3df6ea829e24a3f9"
		digest      = "28df4c0b787cfbff9f77913974e77c5f43f1e387076ef33dacaf4067edd43f8b"
		fingerprint = Fingerprint("v1.AAECAwQFBgcICQoLDA0ODw.Cnj_1ZBSkL9kiEilZUx7sPrXxM1HK4KfvfhGoz8aiXM")
	)
	if got := k.ID(); got != id {
		t.Errorf("ID %s, want %s", got, id)
	}
	if got := k.Digest(s, fingerprint, v); got != digest {
		t.Errorf("Digest %s, want %s", got, digest)
	}
	if !k.Matches(fingerprint, s, v) {
		t.Errorf("an old fingerprint doesn't match; a new one is %s", k.Fingerprint(s, v))
	}
}

// subjects generates names that are easily mistaken for each other.
func subjects() *rapid.Generator[Subject] {
	name := rapid.StringMatching(`[ab.\x00]{0,3}`)
	return rapid.Custom(func(t *rapid.T) Subject {
		return Subject{name.Draw(t, "account"), name.Draw(t, "store"), name.Draw(t, "secret")}
	})
}

func TestFingerprintProperties(t *testing.T) {
	k, other := NewKey(), NewKey()
	wantLen := len(k.Fingerprint(Subject{}, New(nil)))
	rapid.Check(t, func(t *rapid.T) {
		s, s2 := subjects().Draw(t, "subject"), subjects().Draw(t, "another subject")
		b, b2 := rapid.SliceOf(rapid.Byte()).Draw(t, "value"), rapid.SliceOf(rapid.Byte()).Draw(t, "another value")
		v, v2 := New(b), New(b2)
		f := k.Fingerprint(s, v)

		if !f.Valid() || !k.Matches(f, s, v) {
			t.Fatalf("%q doesn't match what it is of", f)
		}
		if k.Matches(f, s2, v) != (s == s2) {
			t.Fatalf("of %q, and matches %q: %v", s, s2, s != s2)
		}
		if k.Matches(f, s, v2) != (string(b) == string(b2)) {
			t.Fatal("matches another value")
		}
		if other.Matches(f, s, v) {
			t.Fatal("matches under another key")
		}
		if k.Fingerprint(s, v) == f {
			t.Fatal("two fingerprints of one value are equal")
		}
		if len(f) != wantLen {
			t.Fatalf("length %d, want %d for every value", len(f), wantLen)
		}
	})
}

// A subject with characters moved from one field to the next is another subject, and with
// characters moved to the value it has another value.
func TestFieldsDoNotShift(t *testing.T) {
	k := NewKey()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab]{1,8}`).Draw(t, "all fields together")
		split := func(label string) (Subject, Value, [3]int) {
			i := rapid.IntRange(0, len(text)).Draw(t, label)
			j := rapid.IntRange(i, len(text)).Draw(t, label)
			l := rapid.IntRange(j, len(text)).Draw(t, label)
			return Subject{text[:i], text[i:j], text[j:l]}, New([]byte(text[l:])), [3]int{i, j, l}
		}
		s1, v1, at1 := split("one way")
		s2, v2, at2 := split("another way")
		if k.Matches(k.Fingerprint(s1, v1), s2, v2) != (at1 == at2) {
			t.Fatalf("%q cut at %v and at %v", text, at1, at2)
		}
		if (k.Digest(s1, "", v1) == k.Digest(s2, "", v2)) != (at1 == at2) {
			t.Fatalf("digests: %q cut at %v and at %v", text, at1, at2)
		}
	})
}

func TestDigest(t *testing.T) {
	k, other := NewKey(), NewKey()
	s, v := Subject{"a", "b", "c"}, New([]byte("value"))
	again, err := ParseKey(string(k.Export().Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	if k.Digest(s, "", v) != again.Digest(s, "", v) {
		t.Error("the digest isn't the same elsewhere")
	}
	if k.Digest(s, "", v) == other.Digest(s, "", v) {
		t.Error("the digest is the same under another key")
	}
	if k.Digest(s, "", v) == k.Digest(s, k.Fingerprint(s, v), v) {
		t.Error("the digest is the same once the value was applied")
	}
	mac := strings.Split(string(k.Fingerprint(s, v)), ".")[2]
	if b, _ := base64.RawURLEncoding.DecodeString(mac); hex.EncodeToString(b) == k.Digest(s, "", v) {
		t.Error("a digest is a fingerprint")
	}
}

// Malformed fingerprints, and fingerprints changed anywhere, match nothing.
func TestMalformedFingerprints(t *testing.T) {
	k, s, v := NewKey(), Subject{"a", "b", "c"}, New([]byte("value"))
	f := string(k.Fingerprint(s, v))
	p := strings.Split(f, ".")
	for _, bad := range []string{
		"", ".", "..", "v1", "v1..", "v1." + p[1], p[1] + "." + p[2], "v2." + p[1] + "." + p[2], "V1." + p[1] + "." + p[2],
		f + ".", f + "=", f + "A", " " + f, f[:len(f)-1], "v1." + p[2] + "." + p[1], "v1." + p[1] + "." + p[1],
		"v1." + p[1] + ".", "v1.." + p[2], "v1." + strings.Repeat("!", len(p[1])) + "." + p[2],
	} {
		if Fingerprint(bad).Valid() || k.Matches(Fingerprint(bad), s, v) {
			t.Errorf("%q is accepted", bad)
		}
	}
	for i := range f[:len(f)-1] { // the last character has spare bits
		c := byte('A')
		if f[i] == c {
			c = 'B'
		}
		if changed := f[:i] + string(c) + f[i+1:]; k.Matches(Fingerprint(changed), s, v) && i != len("v1.")+len(p[1])-1 {
			t.Errorf("changed at %d, and it still matches", i)
		}
	}
}

func FuzzFingerprintParts(f *testing.F) {
	k, s, v := NewKey(), Subject{"a", "b", "c"}, New([]byte("value"))
	f.Add(string(k.Fingerprint(s, v)))
	f.Add("v1..")
	other := NewKey()
	f.Fuzz(func(t *testing.T, text string) {
		if other.Matches(Fingerprint(text), s, v) {
			t.Errorf("%q matches under a key that no fingerprint was computed with", text)
		}
	})
}
