package reconcile

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestInputsThatChangeAfterThePlan: what was approved was made from the files as they were, so
// nothing is sent if one of them is another one now.
func TestInputsThatChangeAfterThePlan(t *testing.T) {
	const manifest = "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n"
	for _, tt := range []struct {
		name   string
		keyed  bool // the lockfile names a fingerprint key already
		change func(w *world)
		want   string // the file that the error names; empty if the apply goes on
	}{
		{"nothing", true, func(*world) {}, ""},
		{"the manifest", true, func(w *world) { w.manifest(manifest + "# edited\n") }, "secretsync.yaml"},
		{"recipients for a new key", false, func(w *world) { w.write(".sops.yaml", "creation_rules: []\n") }, ".sops.yaml"},
		{"recipients for a new key, in the folder above", false, func(w *world) { w.write("../.sops.yaml", "creation_rules: []\n") }, ".sops.yaml"},
		{"recipients, where there is a key", true, func(w *world) { w.write(".sops.yaml", "creation_rules: []\n") }, ""},
		{"the key's file", true, func(w *world) { remove(w.t.(*testing.T), w.path("secretsync.key")) }, "secretsync.key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := withoutKey(t, manifest)
			w.env["A"] = "va"
			if tt.keyed {
				w.applied()
				w.env["A"] = "vb"
			}
			run := w.lock()
			p := planned(t, run)
			w.live().Transcript()
			tt.change(w)
			_, err := run.Apply(t.Context(), p)
			sent := strings.Join(w.live().Transcript(), "\n")
			var changed *ChangedError
			switch {
			case tt.want == "" && (err != nil || sent == ""):
				t.Errorf("the apply stopped: %v", err)
			case tt.want != "" && (!errors.As(err, &changed) || len(changed.Files) != 1 || !strings.HasSuffix(changed.Files[0], tt.want)):
				t.Errorf("the error is %v", err)
			case tt.want != "" && sent != "":
				t.Errorf("sent nevertheless: %s", sent)
			}
		})
	}
}

// TestKeyFileRemovedDuringAnApply: without the key, all fingerprints would be worthless. It is in
// memory, and written again. A key that is not in a file is not written to one.
func TestKeyFileRemovedDuringAnApply(t *testing.T) {
	w := withoutKey(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
	w.env["A"] = "va"
	w.applied()
	w.env["A"] = "vb"
	key := read(t, w.path("secretsync.key"))
	w.live().Before = func(call string) error {
		if strings.HasPrefix(call, "update") {
			return os.Remove(w.path("secretsync.key"))
		}
		return nil
	}
	w.notified()
	w.apply()
	equal(t, "key", read(t, w.path("secretsync.key")), key)
	equal(t, "events", w.notified(), []Event{KeyFileRemoved{File: w.path("secretsync.key")}})
}
