package emulator_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/emulator"
)

func TestStateSurvives(t *testing.T) {
	clock := newClock()
	opts := emulator.Options{StateFile: filepath.Join(t.TempDir(), "state.json"), Now: clock.now}
	c, s := newClient(t, opts)
	id := c.newStore("prod")
	one := c.newSecret(id, "one", "1")
	get[secret](c, "PATCH", "/stores/"+id+"/secrets/"+one.ID, `{"comment":"kept","scopes":["workers","dex"]}`)
	c.newSecret(id, "two", "2")
	want := c.list(id)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	clock.add(-3600e9) // a clock that was set back
	c, s = newClient(t, opts)
	if diff := cmp.Diff(want, c.list(id)); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
	if !s.HasValue(account, "prod", "one", []byte("1")) || s.HasValue(account, "prod", "two", []byte("1")) {
		t.Error("values did not survive")
	}
	if three := c.newSecret(id, "three", "3"); three.Modified <= want[1].Modified {
		t.Errorf("time goes back: %s after %s", three.Modified, want[1].Modified)
	}
}

func TestStateFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	c, s := newClient(t, emulator.Options{StateFile: file})
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a state file before there is a state")
	}
	id := c.newStore("prod")
	value := rand.Text() + rand.Text()
	for _, name := range []string{"one", "same"} {
		c.newSecret(id, name, value)
	}
	c.refused("POST", "/stores/"+id+"/secrets", []any{item("a.b", value)}, "400 1001 invalid_secret_name")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	plain := sha256.Sum256([]byte(value))
	unkeyed := hmac.New(sha256.New, nil)
	unkeyed.Write([]byte(value))
	for _, b := range [][]byte{[]byte(value), plain[:], unkeyed.Sum(nil)} {
		for _, form := range []string{string(b), hex.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b)} {
			if bytes.Contains(data, []byte(form)) {
				t.Error("the state file holds the value, or a hash that can be looked up")
			}
		}
	}
	for _, line := range strings.Split(string(data), "\n") {
		if strings.Contains(line, `"mac"`) && strings.Count(string(data), line) > 1 {
			t.Error("the state file shows that two values are equal")
		}
	}
	// A read changes nothing, not even the file.
	before, _ := os.Stat(file)
	c.list(id)
	if after, _ := os.Stat(file); !os.SameFile(before, after) {
		t.Error("a read wrote the state file")
	}
	_ = s.Close()
	if r := c.send("GET", "/stores", nil); r.status != 503 {
		t.Errorf("a closed server answers %s", r.text)
	}
}

func TestOneServerPerStateFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	first := newServer(t, emulator.Options{StateFile: file})
	if _, err := emulator.New(emulator.Options{StateFile: file}); err == nil || !strings.Contains(err.Error(), "another emulator is using") {
		t.Errorf("a second server: %v", err)
	}
	_ = first.Close()
	_ = first.Close()
	_ = newServer(t, emulator.Options{StateFile: file})
}

// A file that is not a state file is rejected, and neither shown nor overwritten.
func TestNotAStateFile(t *testing.T) {
	canary := rand.Text()
	for what, content := range map[string]string{
		"empty":            "",
		"not JSON":         canary,
		"half":             `{"emulator_state":1,"accounts":{`,
		"other JSON":       `{"password":"` + canary + `"}`,
		"wrong type":       `{"emulator_state":1,"accounts":"` + canary + `"}`,
		"no accounts":      `{"emulator_state":1}`,
		"another version":  `{"emulator_state":2,"accounts":{}}`,
		"something behind": `{"emulator_state":1,"accounts":{}}}`,
	} {
		t.Run(what, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "state.json")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the failed start leaves no lock behind
				_, err := emulator.New(emulator.Options{StateFile: file})
				if err == nil || !strings.Contains(err.Error(), "is not an emulator's state, or is damaged") || strings.Contains(err.Error(), canary) {
					t.Errorf("error %v", err)
				}
			}
			if after, _ := os.ReadFile(file); string(after) != content {
				t.Error("it was overwritten")
			}
		})
	}
}

func TestSweepsWhatAKilledServerLeft(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, ".state.json-123.tmp")
	if err := os.WriteFile(left, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = newServer(t, emulator.Options{StateFile: filepath.Join(dir, "state.json")})
	if _, err := os.Stat(left); err == nil {
		t.Error("it is still there")
	}
}

func TestStateFileThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{dir, filepath.Join(dir, "none", "state.json")} {
		if _, err := emulator.New(emulator.Options{StateFile: file}); err == nil {
			t.Errorf("%s: no error", file)
		}
	}
}

// A change that cannot be saved is refused, and does not happen.
func TestStateThatCannotBeKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c, _ := newClient(t, emulator.Options{StateFile: filepath.Join(dir, "state.json")})
	id := c.newStore("prod")
	if err := os.RemoveAll(dir); err != nil {
		t.Skip(err) // Windows does not remove a file in use
	}
	r := c.send("POST", "/stores/"+id+"/secrets", []any{item("one", "1")})
	if r.status != 500 || !strings.Contains(r.text, "the emulator cannot keep its state") {
		t.Errorf("answer %s", r.text)
	}
	if left := c.list(id); len(left) != 0 {
		t.Errorf("there is %+v", left)
	}
}
