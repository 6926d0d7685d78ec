//go:build recipes

package recipes

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fakeGitLab is a self-managed server, below a folder, with the notes of merge request 7.
type fakeGitLab struct {
	token string
	head  string // the last commit of the merge request
	notes []*fakeNote
}

// planned is the commit that the jobs of the tests plan.
const planned = "1111111111111111111111111111111111111111"

type fakeNote struct {
	ID     int    `json:"id"`
	Body   string `json:"body"`
	Author struct {
		ID int `json:"id"`
	} `json:"author"`
}

// noteBot is the user of the project access token.
const noteBot = 42

func (f *fakeGitLab) start(t *testing.T) (apiURL string) {
	mux := http.NewServeMux()
	const request = "/gitlab/api/v4/projects/11/merge_requests/7"
	const notes = request + "/notes"
	mux.HandleFunc("GET "+request, func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]string{"sha": f.head}) })
	mux.HandleFunc("GET /gitlab/api/v4/user", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]int{"id": noteBot}) })
	mux.HandleFunc("GET "+notes, func(w http.ResponseWriter, r *http.Request) { // one per page
		page, _ := strconv.Atoi(r.FormValue("page"))
		answer(w, append([]*fakeNote{}, f.notes[min(page-1, len(f.notes)):min(page, len(f.notes))]...))
	})
	mux.HandleFunc("POST "+notes, func(w http.ResponseWriter, r *http.Request) {
		f.add(noteBot, r.FormValue("body"))
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("PUT "+notes+"/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.Atoi(r.PathValue("id"))
		f.notes[id-1].Body = r.FormValue("body")
		_ = json.NewEncoder(w).Encode(f.notes[id-1])
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("PRIVATE-TOKEN") != f.token {
			http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/gitlab/api/v4"
}

func (f *fakeGitLab) add(author int, body string) {
	n := &fakeNote{ID: len(f.notes) + 1, Body: body}
	n.Author.ID = author
	f.notes = append(f.notes, n)
}

// withNotes are the variables of a merge request's job that can write notes.
func (p *place) withNotes(f *fakeGitLab) map[string]string {
	p.t.Helper()
	api := f.start(p.t)
	must(p.t, os.Symlink(os.Getenv("GOJQ"), filepath.Join(p.bin, "gojq")))
	stub := "#!/bin/sh\ntest \"$*\" = 'install github.com/itchyny/gojq/cmd/gojq@v0.12.17'\n"
	must(p.t, os.WriteFile(filepath.Join(p.bin, "go"), []byte(stub), 0o755))
	env := p.withSecrets()
	maps.Copy(env, map[string]string{
		"NOTE_TOKEN": f.token, "CI_API_V4_URL": api, "CI_MERGE_REQUEST_PROJECT_ID": "11", "CI_MERGE_REQUEST_IID": "7", "CI_COMMIT_SHA": planned,
	})
	return env
}

// TestGitLabNote: one note on the merge request has the plan, or says why there is none.
func TestGitLabNote(t *testing.T) {
	p := newPlace(t)
	f := &fakeGitLab{token: "note-token", head: planned}
	env := p.withNotes(f)
	forged := "<!-- secretsync-plan -->\nNo changes"
	f.add(1, forged)
	f.add(noteBot, "of another job")
	p.branch("first", one("a"))
	p.pipeline(p.preview("first"), env).exits("secretsync-plan", 0)
	p.branch("first", one("b"))
	f.add(1, "looks good")
	p.pipeline(p.preview("first"), env).exits("secretsync-plan", 0)
	if len(f.notes) != 4 || f.notes[0].Body != forged || f.notes[1].Body != "of another job" || f.notes[3].Body != "looks good" {
		t.Fatalf("notes: %s", bodies(f))
	}
	if note := f.notes[2].Body; !strings.Contains(note, "2 to create") || !strings.Contains(note, "sops secrets/b.enc.yaml") {
		t.Fatalf("the note: %s", note)
	}

	// A plan that fails replaces the one before it.
	git(t, p.dev, "checkout", "--quiet", "first")
	write(t, filepath.Join(p.dev, "secretsync.yaml"), "version: 1\nstors: {}\n")
	p.commit("mistake")
	git(t, p.dev, "push", "--quiet", "origin", "first")
	p.pipeline(p.preview("first"), env).exits("secretsync-plan", 1)
	if note := f.notes[2].Body; len(f.notes) != 4 || !strings.Contains(note, "The plan failed") || !strings.Contains(note, "stors") {
		t.Fatalf("notes: %s", bodies(f))
	}

	// A job of a commit that is not the last one any more leaves the note alone.
	last := f.notes[2].Body
	f.head = strings.Repeat("2", 40)
	p.branch("first", one("c"))
	p.pipeline(p.preview("first"), env).exits("secretsync-plan", 0)
	if f.notes[2].Body != last || len(f.notes) != 4 {
		t.Fatalf("notes: %s", bodies(f))
	}
	f.head = planned

	// A note that cannot be written fails the job: the old one would look current.
	env["NOTE_TOKEN"] = "expired"
	l := p.pipeline(p.preview("first"), env)
	if l.job("secretsync-plan") == 0 || !strings.Contains(l.lastLog, "401") {
		t.Fatalf("without a valid token: %s", l.lastLog)
	}
	p.written = append(p.written, bodies(f))
	for _, text := range p.written {
		if strings.Contains(text, f.token) {
			t.Fatal("the token was written")
		}
	}
}

func bodies(f *fakeGitLab) string {
	var all []string
	for n := range slices.Values(f.notes) {
		all = append(all, fmt.Sprintf("%d by %d: %s", n.ID, n.Author.ID, n.Body))
	}
	return strings.Join(all, "\n")
}
