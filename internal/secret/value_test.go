package secret

import (
	"bytes"
	"testing"
)

func TestValue(t *testing.T) {
	var none Value
	if none.IsSet() || none.Reveal() != nil {
		t.Error("the zero Value holds something")
	}
	none.Wipe()

	v := New([]byte("text"))
	if !v.IsSet() || string(v.Reveal()) != "text" {
		t.Errorf("New holds something else")
	}
	same := v
	v.Wipe()
	if !bytes.Equal(same.Reveal(), make([]byte, 4)) {
		t.Error("Wipe spared a copy")
	}
	if empty := New(nil); !empty.IsSet() || len(empty.Reveal()) > 0 {
		t.Error("an empty value is not a set one")
	}
}

func TestEqual(t *testing.T) {
	values := map[string]Value{
		"none": {}, "empty": New([]byte{}), "a": New([]byte("a")), "b": New([]byte("b")), "aa": New([]byte("aa")),
	}
	for x, v := range values {
		for y, w := range values {
			if got := v.Equal(w); got != (x == y) {
				t.Errorf("%s.Equal(%s) = %v", x, y, got)
			}
		}
	}
	if !New([]byte("a")).Equal(New([]byte("a"))) {
		t.Error("equal values differ")
	}
}
