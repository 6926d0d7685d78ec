package atomicfile

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// children are the programs that this test binary runs as in another process. Each takes the
// path to write.
var children = map[string]func(path string){
	"write once":    func(path string) { fmt.Println(Write(path, make([]byte, tornSize), 0o644)) },
	"write forever": writeForever,
}

const childEnv = "ATOMICFILE_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childEnv)]; child != nil {
		child(os.Args[1])
		return
	}
	os.Exit(m.Run())
}

// child returns a command that runs this test binary as children[name].
func child(t *testing.T, name, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, path)
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	return cmd
}

func put(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // regardless of the umask
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %.80q, want %.80q", filepath.Base(path), got, want)
	}
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
}

func TestWriteNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	if err := Write(path, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "content")
	wantMode(t, path, 0o644)
	wantFiles(t, filepath.Dir(path), "new")
}

func TestWriteKeepsMode(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o640, 0o666, 0o755} {
		path := filepath.Join(t.TempDir(), "f")
		put(t, path, "a much longer old content", mode)
		if err := Write(path, []byte("new"), 0o644); err != nil {
			t.Fatal(err)
		}
		wantContent(t, path, "new")
		wantMode(t, path, mode)
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != want {
		t.Errorf("mode %v, want %v", info.Mode().Perm(), want)
	}
}

func TestWriteRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := Write("f", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantContent(t, "f", "x")
	wantFiles(t, ".", "f")
}

// CheckWritable and Write refuse the same targets, name them in the error and leave nothing
// behind.
func TestRefused(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"directory", func(t *testing.T, path string) { try(t, os.Mkdir(path, 0o755)) }, "not a regular file"},
		{"symbolic link", func(t *testing.T, path string) {
			put(t, path+".real", "real", 0o644)
			try(t, os.Symlink(path+".real", path))
		}, "symbolic link"},
		{"read-only file", func(t *testing.T, path string) { put(t, path, "old", 0o444) }, "read-only"},
		{"dangling symbolic link", func(t *testing.T, path string) {
			try(t, os.Symlink(path+".real", path))
		}, "symbolic link"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "target")
			tt.make(t, path)
			before := snapshot(t, filepath.Dir(path))
			wantRefused(t, path, tt.want)
			if after := snapshot(t, filepath.Dir(path)); after != before {
				t.Errorf("the directory changed from %s to %s", before, after)
			}
		})
	}
}

func TestRefusedDirectory(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "", 0o644)
	wantRefused(t, filepath.Join(dir, "missing", "target"), "no such file")
	wantRefused(t, filepath.Join(dir, "file", "target"), "not a directory")
	wantFiles(t, dir, "file")
}

func TestRefusedReadOnlyDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("directories are not read-only there")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "target")
	put(t, path, "old", 0o644)
	try(t, os.Chmod(dir, 0o555))
	t.Cleanup(func() { try(t, os.Chmod(dir, 0o755)) })
	asOrdinaryUser(t, dir, func() { wantRefused(t, path, "permission denied") })
	wantContent(t, path, "old")
	wantFiles(t, dir, "target")
}

func wantRefused(t *testing.T, path, want string) {
	t.Helper()
	for name, err := range map[string]error{
		"CheckWritable": CheckWritable(path, 3), "Write": Write(path, []byte("new"), 0o644),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("%s: %v; want the path and %q", name, err, want)
		}
	}
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// snapshot describes the entries of a directory: names, types and content.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	try(t, err)
	var b strings.Builder
	for _, e := range entries {
		data, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		b.WriteString(e.Name() + " " + e.Type().String() + " " + string(data) + "; ")
	}
	return b.String()
}

func TestCheckWritableLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	try(t, CheckWritable(filepath.Join(dir, "absent"), 3))
	put(t, filepath.Join(dir, "present"), "content", 0o600)
	try(t, CheckWritable(filepath.Join(dir, "present"), 3))
	wantFiles(t, dir, "present")
	wantContent(t, filepath.Join(dir, "present"), "content")
}

// A crash between the creation of the temporary file and the rename.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.lock")
	keep := []string{
		"a.lock", ".a.lock-.tmp", ".a.lock-x1.tmp", ".a.lock-1.tmp.bak", "a.lock-1.tmp",
		".a.lock-b-77.tmp", // of a file named "a.lock-b"
		"1.tmp", ".a.lock-1", ".b.lock-12.tmp", ".a.lock.flock",
	}
	for _, name := range keep {
		put(t, filepath.Join(dir, name), "old", 0o644)
	}
	try(t, os.Mkdir(filepath.Join(dir, ".a.lock-99.tmp"), 0o755))
	put(t, filepath.Join(dir, ".a.lock-4711.tmp"), "torn", 0o600)
	tmp, err := createTemp(path)
	try(t, err)
	try(t, tmp.Close())

	Sweep(path)
	wantFiles(t, dir, append(keep, ".a.lock-99.tmp")...)
	wantContent(t, path, "old")
	Sweep(filepath.Join(dir, "missing", "x")) // nothing to sweep is not a failure
}

const tornSize = 1 << 20

func writeForever(path string) {
	for i := byte(0); ; i++ {
		content := bytes.Repeat([]byte{'a' + i%26}, tornSize)
		if Write(path, content, 0o644) != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.Write([]byte{i})
	}
}

// For a second, writers are killed at random moments. A reader never finds a part of a file,
// and Sweep removes what they leave behind.
func TestKilledWriterNeverTears(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	try(t, Write(path, bytes.Repeat([]byte{'-'}, tornSize), 0o644))
	kills, strays := 0, 0
	for end := time.Now().Add(time.Second); time.Now().Before(end) || kills == 0; kills++ {
		killWriter(t, path)
		strays += len(readDir(t, filepath.Dir(path))) - 1
		Sweep(path)
		wantFiles(t, filepath.Dir(path), "f")
	}
	t.Logf("%d writers killed, %d temporary files swept", kills, strays)
}

func readDir(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	try(t, err)
	return entries
}

// killWriter kills a writer during its second or a later write, and reads the file before
// and after that.
func killWriter(t *testing.T, path string) {
	t.Helper()
	cmd := child(t, "write forever", path)
	out, err := cmd.StdoutPipe()
	try(t, err)
	try(t, cmd.Start())
	_, err = io.ReadFull(out, make([]byte, 1+rand.IntN(3)))
	try(t, err)
	for range 1 + rand.IntN(4) {
		wantWhole(t, path)
	}
	try(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	wantWhole(t, path)
}

func wantWhole(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	try(t, err)
	if len(data) != tornSize || bytes.Count(data, data[:1]) != tornSize {
		t.Fatalf("torn: %d bytes, %d of them the first one", len(data), bytes.Count(data, data[:1]))
	}
}
