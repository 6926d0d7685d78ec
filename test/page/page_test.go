package page

import "testing"

func TestLike(t *testing.T) {
	for _, tt := range []struct {
		got, want string
		like      bool
	}{
		{"a b c", "a … c", true},
		{"a b\nc", "a … c", false},
		{"a b c", "a b", false},
		{"a.b", "a.b", true},
		{"axb", "a.b", false},
		{"1\n2\nend", "…\nend", true},
		{"1\n2", "…\nend", false},
	} {
		if Like(tt.got, tt.want) != tt.like {
			t.Errorf("%q is like %q: want %v", tt.got, tt.want, tt.like)
		}
	}
}

func TestCutCommand(t *testing.T) {
	command, output := cutCommand("a \\\n  b\nprinted\n\\\n")
	if command != "a \\\n  b" || output != "printed\n\\\n" {
		t.Errorf("got %q and %q", command, output)
	}
}
