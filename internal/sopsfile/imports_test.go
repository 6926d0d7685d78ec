package sopsfile_test

import (
	"go/build"
	"slices"
	"strings"
	"testing"
)

// TestImportsOfSOPS lists all of SOPS that this package and the packages below it import. Each more may bring the clients
// of another server, which every start of the program pays for (docs/startup.md).
func TestImportsOfSOPS(t *testing.T) {
	const sops = "github.com/getsops/sops/v3"
	var got []string
	for _, dir := range []string{".", "keygate", "sopstree"} {
		pkg, err := build.ImportDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range pkg.Imports {
			if strings.HasPrefix(path, sops) {
				got = append(got, strings.TrimPrefix(path, sops))
			}
		}
	}
	slices.Sort(got)
	got = slices.Compact(got)
	want := []string{"", "/aes", "/age", "/cmd/sops/common", "/cmd/sops/formats", "/config", "/keys", "/keyservice", "/logging", "/pgp", "/version"}
	if !slices.Equal(got, want) {
		t.Errorf("the packages of SOPS are %q, want %q", got, want)
	}
}
