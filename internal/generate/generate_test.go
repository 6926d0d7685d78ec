package generate_test

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"testing"

	"github.com/secretsync/secretsync/internal/generate"
)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		spec  generate.Spec
		valid func(string) bool
	}{
		{generate.Spec{Bytes: 32, Encoding: generate.Hex}, func(s string) bool {
			b, err := hex.DecodeString(s)
			return err == nil && len(b) == 32
		}},
		{generate.Spec{Bytes: 33, Encoding: generate.Base64}, func(s string) bool {
			b, err := base64.StdEncoding.DecodeString(s)
			return err == nil && len(b) == 33
		}},
		{generate.Spec{Bytes: 32, Encoding: generate.Base64URL}, func(s string) bool {
			b, err := base64.RawURLEncoding.DecodeString(s)
			return err == nil && len(b) == 32
		}},
		{generate.Spec{Length: 40, Encoding: generate.Alphanumeric}, regexp.MustCompile(`^[0-9A-Za-z]{40}$`).MatchString},
		{generate.Spec{Encoding: generate.UUID}, regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString},
	} {
		t.Run(c.spec.String(), func(t *testing.T) {
			if err := c.spec.Check(); err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for range 100 {
				v := string(c.spec.Value().Reveal())
				if !c.valid(v) {
					t.Fatal("a value of another form")
				}
				seen[v] = true
			}
			if len(seen) != 100 {
				t.Errorf("%d different values of 100", len(seen))
			}
		})
	}
}

func TestAlphanumericUsesEveryLetterEvenly(t *testing.T) {
	counts := map[byte]int{}
	for _, c := range (generate.Spec{Length: 62000, Encoding: generate.Alphanumeric}).Value().Reveal() {
		counts[c]++
	}
	for c, n := range counts { // 1,000 are expected; 6 standard deviations are 190
		if n < 810 || n > 1190 {
			t.Errorf("%q is there %d times", c, n)
		}
	}
	if len(counts) != 62 {
		t.Errorf("%d letters", len(counts))
	}
}

func TestBadSpecs(t *testing.T) {
	for _, s := range []generate.Spec{
		{},
		{Bytes: 15, Encoding: generate.Hex},
		{Bytes: 32769, Encoding: generate.Hex},
		{Bytes: 32, Length: 32, Encoding: generate.Base64},
		{Length: 32, Encoding: generate.Base64URL},
		{Length: 21, Encoding: generate.Alphanumeric},
		{Bytes: 32, Encoding: generate.Alphanumeric},
		{Length: 65537, Encoding: generate.Alphanumeric},
		{Bytes: 16, Encoding: generate.UUID},
		{Bytes: 32, Encoding: "base32"},
	} {
		if s.Check() == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}
