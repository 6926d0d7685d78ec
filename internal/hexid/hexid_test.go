package hexid_test

import (
	"testing"

	"github.com/secretsync/secretsync/internal/hexid"
)

func TestParse(t *testing.T) {
	const lower = "0123456789abcdef0123456789abcdef"
	for _, text := range []string{lower, "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789ABCDEF"} {
		if id, ok := hexid.Parse(text); id != lower || !ok {
			t.Errorf("%q: %q, %v", text, id, ok)
		}
	}
	for _, text := range []string{"", "ACC", lower[1:], lower + "0", "g" + lower[1:], " " + lower[1:], lower + "\n", "-" + lower[1:]} {
		if id, ok := hexid.Parse(text); id != text || ok {
			t.Errorf("%q: %q, %v", text, id, ok)
		}
	}
}
