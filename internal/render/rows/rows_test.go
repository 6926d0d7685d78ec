package rows

import (
	"errors"
	"strings"
	"testing"
)

func TestRows(t *testing.T) {
	var b strings.Builder
	w := &Writer{W: &b}
	w.Add("store", "%s of account %d", "main", 1)
	w.Add("", "continued")
	if want := "store     main of account 1\n          continued\n"; b.String() != want || w.Err != nil {
		t.Errorf("%q, %v; want %q", b.String(), w.Err, want)
	}
}

// failing refuses every write, and counts them.
type failing int

func (f *failing) Write([]byte) (int, error) { *f++; return 0, errors.New("full") }

// TestFirstError: nothing is written after an error, which is kept.
func TestFirstError(t *testing.T) {
	var f failing
	w := &Writer{W: &f}
	w.Add("store", "main")
	w.Add("key", "k")
	if w.Err == nil || f != 1 {
		t.Errorf("%v after %d writes", w.Err, f)
	}
}
