package keygate_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// A command of an age key works as with sops, and runs once for all files.
func TestIdentityCommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the command is a script of a Unix shell")
	}
	id := identity(t)
	key, program := ageKey(t, id, dataKey), script(t, `test "$SOPS_AGE_RECIPIENT" = "$1" && printf '# a comment\n%s\n' "$2" && echo once >>$0.runs`)
	commandOnly(t, "SOPS_AGE_KEY_CMD", fmt.Sprintf("%s '%s' \"%s\"", program, id.Recipient(), id))
	g := gate(t)
	for range 3 {
		if got, failed := decrypt(t.Context(), g, nil, key); !bytes.Equal(got, dataKey) {
			t.Errorf("not the data key: %v", failed.ByType)
		}
	}
	if runs, err := os.ReadFile(program + ".runs"); err != nil || string(runs) != "once\n" {
		t.Errorf("it was run: %q, %v", runs, err)
	}
}
