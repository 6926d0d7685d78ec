package visible_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/secretsync/secretsync/internal/visible"
	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain, naïve 😀 :: # ## x":      "plain, naïve 😀 :: # ## x",
		"\x1b[31mred\x1b[0m":            `\x1b[31mred\x1b[0m`,
		"two\nlines\r\tand a tab":       `two\x0alines\x0d\x09and a tab`,
		"\u202egnp.exe":                 `\u202egnp.exe`,
		"::set-output name=x::y":        `\x3a:set-output name=x::y`,
		"  ::stop-commands::x":          `  \x3a:stop-commands::x`,
		"::":                            `\x3a:`,
		"a ##[set-output name=x]y":      `a #\x23[set-output name=x]y`,
		"###[error]x":                   `##\x23[error]x`,
		"##vso[task.setvariable]":       `#\x23vso[task.setvariable]`,
		"##teamcity[publishArtifacts x": `#\x23teamcity[publishArtifacts x`,
		"#\u200b#[error]":               `#\u200b#[error]`,
		"invalid \xff UTF-8":            "invalid \ufffd UTF-8",
	} {
		if got := visible.Text(text); got != want {
			t.Errorf("Text(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestNothingInvisible: every character that shows as nothing or as a blank is escaped, in
// every form of output, so that it can neither hide text nor push it out of sight.
func TestNothingInvisible(t *testing.T) {
	invisible := func(r rune) bool {
		return unicode.In(r, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Cc, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	}
	checked := 0
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		named := strings.ContainsRune("\u3164\u115f\u1160\uffa0\u2800\ufe0f\u034f\u17b4\u180b\U000e0100\U0001d159", r)
		if !invisible(r) && !named {
			continue
		}
		checked++
		for form, shown := range map[string]string{
			"Text": visible.Text(string(r)), "JSON": string(visible.JSON([]byte(`"` + string(r) + `"`))), "YAML": string(visible.YAML([]byte(`"` + string(r) + `"`))),
		} {
			if strings.ContainsRune(shown, r) {
				t.Errorf("%s leaves %U as it is", form, r)
			}
		}
	}
	if checked < 4000 {
		t.Errorf("only %d characters were checked", checked)
	}
	if got := visible.Text("é ж 漢 한 ก 😀 ∑"); got != "é ж 漢 한 ก 😀 ∑" {
		t.Errorf("what can be seen is escaped: %q", got)
	}
}

// TestMarks: a letter has a few marks as they are; a stack of them could cover other lines.
func TestMarks(t *testing.T) {
	for text, want := range map[string]string{
		"o\u0308\u0301x":                  "o\u0308\u0301x",
		"ग्ध्र्यो ผู้ ệ":                  "ग्ध्र्यो ผู้ ệ",
		"o" + strings.Repeat("\u0301", 6): "o" + strings.Repeat("\u0301", 4) + `\u0301\u0301`,
		strings.Repeat("\u20dd", 5) + "a": strings.Repeat("\u20dd", 4) + `\u20dda`,
	} {
		if got := visible.Text(text); got != want {
			t.Errorf("%+q is shown as %+q, want %+q", text, got, want)
		}
	}
}

// hostile generates text that is likely to contain everything that must be escaped.
func hostile() *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{
		"::", ":", " ", "#", "##", "[", "vso", "teamcity", "set-env name=x::y", "\x1b]0;x\x07", "\u009b2J", "\x7f", "\n", "\r", "\u2028",
		"\u202e", "\u2066", "\u200b", "\U000e0041", "\u00a0", "\u3000", "\ufeff", "\xff", `\`, `"`, "😀", "a",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.OneOf(piece, rapid.String()), 0, 12).Draw(t, "pieces"), "")
	})
}

// command matches what a runner would interpret in a line.
var command = regexp.MustCompile(`^\s*::|##\[|##vso\[|##teamcity\[`)

func check(t *rapid.T, shown string) {
	if command.MatchString(shown) {
		t.Fatalf("a runner's command is left: %q", shown)
	}
	for _, r := range shown {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			t.Fatalf("%U is left in %q", r, shown)
		}
	}
}

func TestTextProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shown := visible.Text(hostile().Draw(t, "text"))
		check(t, shown)
		if again := visible.Text(shown); again != shown {
			t.Fatalf("%q becomes %q", shown, again)
		}
	})
}

func TestJSONMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, _ := json.Marshal(map[string]string{hostile().Draw(t, "key"): hostile().Draw(t, "text")})
		after := visible.JSON(before)
		check(t, string(after))
		var x, y any
		if err := json.Unmarshal(after, &y); err != nil {
			t.Fatalf("%s: %v", after, err)
		}
		again := visible.JSON(after)
		_ = json.Unmarshal(before, &x)
		was, _ := json.Marshal(x)
		is, _ := json.Marshal(y)
		if string(was) != string(is) || string(again) != string(after) {
			t.Fatalf("%s became %s", before, after)
		}
	})
}
