package foreign

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	long := strings.Repeat("x", MaxName+1)
	for _, c := range []struct{ what, got, want string }{
		{"a plain name", Word("stripe-key_2.0"), "stripe-key_2.0"},
		{"a name with a blank", Word("a b"), `"a b"`},
		{"no name", Word(""), `""`},
		{"a long name", Name(long), `"` + long[1:] + `"… (161 characters)`},
		{"a path", Path("apps/api/wrangler.jsonc"), "apps/api/wrangler.jsonc"},
		{"a path like two words", Path("a, b"), `"a, b"`},
		{"a text that is cut", Excerpt("abcdef", 3), `"abc"… (6 characters)`},
		{"an arrow", Arrow("a", "b"), " -> "},
		{"an arrow beside a script from right to left", Arrow("a", "\u05d0"), ", now "},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

// TestDifference: of two long texts that begin alike, what differs is shown.
func TestDifference(t *testing.T) {
	same := strings.Repeat("y", 2*MaxText)
	from, to := Difference(same+"old", same+"new")
	if from != `from character 161: "old"` || to != `"new"` {
		t.Errorf("%s, %s", from, to)
	}
	if from, to = Difference("old", "new"); from != `"old"` || to != `"new"` {
		t.Errorf("%s, %s", from, to)
	}
}

// TestNothingIsTooLong: an excerpt shows the beginning of a text, whole characters, and no more
// than its limit, however long its escapes are.
func TestNothingIsTooLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, limit := rapid.String().Draw(t, "text"), rapid.IntRange(1, 20).Draw(t, "limit")
		head := Beginning(text, limit)
		if !strings.HasPrefix(text, head) || Width(head) > limit || !utf8.ValidString(head) {
			t.Fatalf("%q is cut to %q", text, head)
		}
		if strings.ContainsAny(Excerpt(text, limit), "\n\x1b\r") {
			t.Fatalf("%q is shown as it is", text)
		}
	})
}
