//go:build unix

package manifest

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Pipes are not opened, which could block forever.
func TestPipes(t *testing.T) {
	for name, content := range map[string]string{
		"pipe.yaml": "", "pipes.yaml": "version: 1\ninclude: [p.yaml]\nstores: {s: {secrets: {a: {from: {file: p}}, b: {from: {sops: p.yaml, key: k}}}}}\n",
	} {
		golden, err := filepath.Abs(filepath.Join("testdata", "bad", "made", name+".err"))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Chdir(write(t, nil))
			pipes := []string{"p", "p.yaml"}
			if content == "" {
				pipes = []string{name}
			} else {
				put(t, name, content)
			}
			for _, pipe := range pipes {
				if err := syscall.Mkfifo(pipe, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := mistakesIn(t, name)
			if *update {
				put(t, golden, got)
			}
			if diff := cmp.Diff(string(readFile(t, golden)), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
