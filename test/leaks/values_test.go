package leaks

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/test/program"
)

// canary is a random value that is searched for in everything that is written.
type canary struct {
	name  string
	value string
	// parts are its parts that are random throughout. Pieces of them are searched for too,
	// because a value may be truncated or wrapped.
	parts []part
}

// part is a random part of a value.
type part struct {
	text string
	// piece is the length of a piece that no other text contains by chance: six characters
	// if some are unusual ones, more of base64, which every encrypted file has.
	piece int
}

const base64Piece, hexPiece = 9, 16

func whole(value string, piece int) (string, []part) { return value, []part{{value, piece}} }

// linesOf are the parts of a value that are lines of base64.
func linesOf(lines ...string) (parts []part) {
	for _, line := range lines {
		parts = append(parts, part{line, base64Piece})
	}
	return parts
}

// pieces are all pieces of a value that are searched for.
func (c canary) pieces() (pieces []string) {
	for _, p := range c.parts {
		for i := 0; i+p.piece <= len(p.text); i++ {
			pieces = append(pieces, p.text[i:i+p.piece])
		}
	}
	return pieces
}

// randomText generates n characters. Every fifth is one that base64, hexadecimal and this
// program's messages do not contain, so that no piece of six occurs by chance.
func randomText(n int) string {
	const letters, odd = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "~^|!@"
	b := make([]byte, n)
	for i := range b {
		set := letters
		if i%5 == 2 {
			set = odd
		}
		b[i] = set[number32(len(set))]
	}
	return string(b)
}

func number32(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err)
	}
	return int(i.Int64())
}

// canaryKinds are values that each encoding writes differently.
func canaryKinds() []func() (value string, parts []part) {
	random := func(n int) []byte { b := make([]byte, n); rand.Read(b); return b }
	line := func() string { return base64.StdEncoding.EncodeToString(random(45)) }
	return []func() (string, []part){
		func() (string, []part) { return randomText(6), nil },
		func() (string, []part) { return whole(randomText(8), 6) },
		func() (string, []part) { return whole(randomText(40), 6) },
		func() (string, []part) { return whole(randomText(700), 6) },
		func() (string, []part) {
			return whole(randomText(30)+"\n"+randomText(40)+"\r\n\n"+randomText(20)+"\n", 6)
		},
		func() (string, []part) { return whole(`"`+randomText(20)+`'\"`+"`"+randomText(9)+`\`, 6) },
		func() (string, []part) {
			return whole(randomText(9)+"\x01\x1b[31m\x07\x7f\t"+randomText(12)+"\u202e\u200b"+randomText(8), 6)
		},
		func() (string, []part) {
			key, text := randomText(10), randomText(20)
			return fmt.Sprintf("{\"%s\": [%q, 42, {\"b\": null}]}", key, text), []part{{key, 6}, {text, 6}}
		},
		func() (string, []part) { return whole(base64.StdEncoding.EncodeToString(random(32)), base64Piece) },
		func() (string, []part) { return whole(base64.RawURLEncoding.EncodeToString(random(20)), base64Piece) },
		func() (string, []part) { return whole(hex.EncodeToString(random(32)), hexPiece) },
		func() (string, []part) { return whole("grüße "+randomText(15)+" 秘密 😀 <&> %41+", 6) },
		func() (string, []part) {
			user, password, query := randomText(6), randomText(18), randomText(6)
			return "postgres://u" + user + ":" + url.QueryEscape(password) + "@h/d?x=" + query,
				[]part{{user, 6}, {password, 6}, {url.QueryEscape(password), 8}, {query, 6}}
		},
		func() (string, []part) {
			first, second := line(), line()
			return "-----BEGIN PRIVATE KEY-----\n" + first + "\n" + second + "\n-----END PRIVATE KEY-----\n", linesOf(first, second)
		},
	}
}

func newCanaries(n int) []canary {
	kinds := canaryKinds()
	all := make([]canary, n)
	for i := range all {
		value, parts := kinds[i%len(kinds)]()
		if i == 3 {
			value, parts = whole(randomText(9000), 6)
		}
		all[i] = canary{fmt.Sprintf("c%03d", i), value, parts}
	}
	return all
}

// newCredential is a credential of secretsync itself.
func newCredential(name, value string) canary {
	_, parts := whole(value, base64Piece)
	return canary{name, value, parts}
}

func newToken() string { return "tok_" + rand.Text() }

// encoding is a way in which a value could be written.
type encoding struct {
	name string
	of   func(v string) []string
	// least is the length below which the text could occur by chance.
	least int
}

func encodings() []encoding {
	one := func(f func(string) string) func(string) []string {
		return func(v string) []string { return []string{f(v)} }
	}
	return []encoding{
		{"raw", one(func(v string) string { return v }), 6},
		{"hex", one(func(v string) string { return hex.EncodeToString([]byte(v)) }), 12},
		{"HEX", one(func(v string) string { return fmt.Sprintf("%X", v) }), 12},
		{"base64", func(v string) []string { return amid(base64.RawStdEncoding, v) }, 8},
		{"base64url", func(v string) []string { return amid(base64.RawURLEncoding, v) }, 8},
		{"base32", one(func(v string) string {
			return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(v))[:len(v)*8/5]
		}), 9},
		{"URL", func(v string) []string { return []string{url.QueryEscape(v), url.PathEscape(v)} }, 6},
		{"JSON", func(v string) []string {
			b, _ := json.Marshal(v)
			return []string{string(b[1 : len(b)-1]), unescapedHTML(string(b[1 : len(b)-1]))}
		}, 6},
		{"quoted", func(v string) []string {
			q, ascii := strconv.Quote(v), strconv.QuoteToASCII(v)
			return []string{q[1 : len(q)-1], ascii[1 : len(ascii)-1]}
		}, 6},
		{"made harmless", one(render.Safe), 6},
		{"decimal", func(v string) []string {
			spaces := strings.Trim(fmt.Sprint([]byte(v)), "[]")
			return []string{spaces, strings.ReplaceAll(spaces, " ", ", "), strings.ReplaceAll(spaces, " ", ",")}
		}, 11},
		{"digest", digests, 12},
	}
}

// TestLeakSearchFindsWhatWasCut searches for parts of values: what fits on a line, or in a
// field.
func TestLeakSearchFindsWhatWasCut(t *testing.T) {
	for kind, c := range newCanaries(len(canaryKinds())) {
		lines := strings.Split(c.value, "\n")
		for _, piece := range append(lines, c.value[:len(c.value)*2/3], c.value[len(c.value)/3:], c.value[1:], c.value[:len(c.value)-1]) {
			if random := len(piece) > 24 && !strings.HasPrefix(piece, "-----"); kind == 0 || !random {
				continue
			}
			s := newSearch([]canary{c})
			if s.look("a place", []byte("x"+piece)); len(s.leaks) == 0 {
				t.Errorf("%q of %q is not found", piece, c.value)
			}
		}
	}
	// Any 58 characters of a PEM key's body.
	c := newCanaries(14)[13]
	for i := 28; i+58 < len(c.value)-26; i++ {
		s := newSearch([]canary{c})
		if s.look("a place", []byte(c.value[i:i+58])); len(s.leaks) == 0 {
			t.Errorf("%q of a PEM key is not found", c.value[i:i+58])
		}
	}
}

func unescapedHTML(s string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(s)
}

// amid is v within the base64 of a longer text, at each alignment, without the digits that
// depend on its neighbours.
func amid(enc *base64.Encoding, v string) []string {
	var all []string
	for shift := range 3 {
		text := enc.EncodeToString([]byte(strings.Repeat("-", shift) + v))
		if (shift+len(v))%3 != 0 {
			text = text[:len(text)-1]
		}
		all = append(all, text[(shift*8+5)/6:])
	}
	return all
}

// digests have no key: whoever has one can test guesses of the value against it.
func digests(v string) []string {
	sum1, sum256, sum5 := sha1.Sum([]byte(v)), sha256.Sum256([]byte(v)), md5.Sum([]byte(v))
	var all []string
	for _, sum := range [][]byte{sum1[:], sum256[:], sum5[:]} {
		all = append(all, hex.EncodeToString(sum), fmt.Sprintf("%X", sum), base64.RawStdEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum))
	}
	return all
}

// TestLeakSearchFinds writes every value in every encoding, and checks that the search finds
// each of them.
func TestLeakSearchFinds(t *testing.T) {
	values := newCanaries(len(canaryKinds()))
	tried := 0
	for _, c := range values {
		for _, e := range encodings() {
			for _, text := range e.of(c.value) {
				if len(text) < e.least {
					continue
				}
				s := newSearch(values)
				s.look("a place", []byte("before "+text+" after"))
				if tried++; len(s.leaks) == 0 {
					t.Errorf("%q as %s is not found", c.value, e.name)
				}
			}
		}
		for i, piece := range c.pieces() {
			s := newSearch([]canary{c})
			s.look("a place", []byte("x"+piece+"x"))
			if len(s.leaks) == 0 {
				t.Errorf("%q, a piece of %q, is not found", piece, c.value)
			}
			if i > 100 {
				break
			}
		}
	}
	s := newSearch(values)
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	s.look("noise", []byte(base64.StdEncoding.EncodeToString(noise)+hex.EncodeToString(noise)))
	s.look("words", []byte(program.Root().Long))
	for _, leak := range s.leaks {
		t.Errorf("found where there is nothing: %s", leak)
	}
	t.Logf("ways to write a value that were found: %d", tried)
}
