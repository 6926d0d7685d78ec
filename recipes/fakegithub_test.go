//go:build recipes

package recipes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gh does what the recipes use `gh api` for, at the fake GitHub. Its --jq is gojq, which gh
// uses too.
func gh(args []string) error {
	if len(args) < 2 || args[0] != "api" {
		return fmt.Errorf("want gh api; got %q", args)
	}
	if err := checkHost(os.Getenv); err != nil {
		return err
	}
	method, url, jq, paginate, silent, fields := "GET", "", "", false, false, map[string]string{}
	for args = args[1:]; len(args) > 0; args = args[1:] {
		switch args[0] {
		case "--paginate":
			paginate = true
		case "--silent":
			silent = true
		case "--method", "--jq", "-f", "-F":
			flag, value := args[0], args[1]
			args = args[1:]
			name, content, _ := strings.Cut(value, "=")
			file, isFile := strings.CutPrefix(content, "@")
			switch {
			case flag == "--method":
				method = value
			case flag == "--jq":
				jq = value
			case flag == "-F" && isFile:
				data, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				content = string(data)
				fallthrough
			default:
				fields[name] = content
			}
		default:
			url = os.Getenv("FAKE_GITHUB") + "/" + args[0]
		}
	}
	for url != "" {
		body, next, err := ask(method, url, fields)
		if err != nil {
			return err
		}
		if jq != "" {
			if body, err = filter(jq, body); err != nil {
				return err
			}
		}
		if !silent {
			os.Stdout.Write(body)
		}
		if url = next; !paginate {
			url = ""
		}
	}
	return nil
}

// checkHost fails unless gh would ask the right server, with a token: github.com without
// GH_HOST, and a server of an enterprise with a token of its own variable.
func checkHost(env func(string) string) error {
	server, host, variable := strings.TrimPrefix(env("FAKE_GITHUB_SERVER"), "https://"), env("GH_HOST"), "GH_TOKEN"
	if host == "" {
		host = "github.com"
	}
	if host != "github.com" && !strings.HasSuffix(host, ".ghe.com") {
		variable = "GH_ENTERPRISE_TOKEN"
	}
	if host != server || env(variable) == "" {
		return fmt.Errorf("asked %s with the variable %s, and the repository is at %s", host, variable, server)
	}
	return nil
}

func ask(method, url string, fields map[string]string) (body []byte, next string, err error) {
	sent, err := json.Marshal(fields)
	if err != nil {
		return nil, "", err
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(sent))
	if err != nil {
		return nil, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err == nil && resp.StatusCode > 299 {
		err = fmt.Errorf("%s %s: %s %s", method, url, resp.Status, body)
	}
	return body, resp.Header.Get("Next"), err
}

func filter(jq string, data []byte) ([]byte, error) {
	cmd := exec.Command(os.Getenv("GOJQ"), "-r", jq)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
	return cmd.Output()
}

// fakeGitHub has the pull requests, comments and issues that the recipes use.
type fakeGitHub struct {
	origin   string
	pulls    []fakePull
	applied  []string          // the commits of successful runs of apply.yml, the last one first
	heads    map[string]string // the last commit of each pull request, by its number
	comments []*fakeComment
	issues   []*fakeIssue
	refuse   string // a method that fails, or a method and a path
}

type fakePull struct {
	Number         int    `json:"number"`
	MergeCommitSHA string `json:"merge_commit_sha"`
	UpdatedAt      string `json:"updated_at"`
}

type fakeUser struct {
	Login string `json:"login"`
}

type fakeComment struct {
	ID   int      `json:"id"`
	User fakeUser `json:"user"`
	Body string   `json:"body"`
	on   string   // the number of its issue or pull request
}

type fakeIssue struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	State  string `json:"state"`
}

const bot = "github-actions[bot]"

func (f *fakeGitHub) start(t *testing.T) string {
	mux := http.NewServeMux()
	const repo = "/repos/team/secrets"
	mux.HandleFunc("GET "+repo+"/pulls", f.listPulls)
	mux.HandleFunc("GET "+repo+"/actions/workflows/apply.yml/runs", f.listRuns)
	mux.HandleFunc("GET "+repo+"/compare/{range}", f.compare)
	mux.HandleFunc("GET "+repo+"/git/matching-refs/heads/gh-readonly-queue/main/{$}", f.listQueue)
	mux.HandleFunc("GET "+repo+"/pulls/{number}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"head": map[string]string{"sha": f.heads[r.PathValue("number")]}})
	})
	mux.HandleFunc("GET "+repo+"/issues/{number}/{what}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("number") == "comments" { // issues/comments/ID, a pattern that would conflict with this one
			id, _ := strconv.Atoi(r.PathValue("what"))
			answer(w, f.comments[id-1])
			return
		}
		f.listComments(w, r)
	})
	mux.HandleFunc("POST "+repo+"/issues/{number}/comments", func(w http.ResponseWriter, r *http.Request) {
		f.comments = append(f.comments, &fakeComment{len(f.comments) + 1, fakeUser{bot}, sent(r)["body"], r.PathValue("number")})
		answer(w, nil)
	})
	mux.HandleFunc("PATCH "+repo+"/issues/comments/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.Atoi(r.PathValue("id"))
		f.comments[id-1].Body = sent(r)["body"]
		answer(w, nil)
	})
	mux.HandleFunc("GET "+repo+"/issues", func(w http.ResponseWriter, r *http.Request) {
		open := []*fakeIssue{}
		for _, i := range f.issues {
			if i.State == r.FormValue("state") && r.FormValue("creator") == bot {
				open = append(open, i)
			}
		}
		answer(w, open)
	})
	mux.HandleFunc("POST "+repo+"/issues", func(w http.ResponseWriter, r *http.Request) {
		f.issues = append(f.issues, &fakeIssue{len(f.issues) + 1, sent(r)["title"], sent(r)["body"], "open"})
		answer(w, nil)
	})
	mux.HandleFunc("PATCH "+repo+"/issues/{number}", f.editIssue)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if f.refuse == r.Method || f.refuse == r.Method+" "+r.URL.Path {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// listPulls returns two closed pull requests per page, the last one first.
func (f *fakeGitHub) listPulls(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("state") != "closed" || r.FormValue("base") != "main" || r.FormValue("sort") != "updated" || r.FormValue("direction") != "desc" {
		http.Error(w, r.URL.RawQuery, http.StatusNotFound)
		return
	}
	page, _ := strconv.Atoi(r.FormValue("page"))
	all := append([]fakePull{}, f.pulls...)
	slices.Reverse(all)
	answer(w, all[min(2*page-2, len(all)):min(2*page, len(all))])
}

// listRuns returns the last successful run of apply.yml.
func (f *fakeGitHub) listRuns(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("branch") != "main" || r.FormValue("status") != "success" {
		http.Error(w, r.URL.RawQuery, http.StatusNotFound)
		return
	}
	runs := []map[string]string{}
	for _, sha := range f.applied {
		runs = append(runs, map[string]string{"head_sha": sha, "created_at": time.Now().UTC().Format(time.RFC3339)})
	}
	answer(w, map[string]any{"workflow_runs": runs[:min(1, len(runs))]})
}

// compare returns one commit per page, the first one first.
func (f *fakeGitHub) compare(w http.ResponseWriter, r *http.Request) {
	out, err := exec.CommandContext(r.Context(), "git", "-C", f.origin, "rev-list", "--reverse", strings.Replace(r.PathValue("range"), "...", "..", 1)).Output()
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	commits := []map[string]string{}
	for _, sha := range strings.Fields(string(out)) {
		commits = append(commits, map[string]string{"sha": sha})
	}
	page, _ := strconv.Atoi(r.FormValue("page"))
	if page+1 < len(commits) {
		w.Header().Set("Next", fmt.Sprintf("http://%s%s?page=%d", r.Host, r.URL.Path, page+1))
	}
	answer(w, map[string]any{"commits": commits[min(page, len(commits)):min(page+1, len(commits))]})
}

// listQueue returns the branches of the merge queue.
func (f *fakeGitHub) listQueue(w http.ResponseWriter, r *http.Request) {
	out, err := exec.CommandContext(r.Context(), "git", "-C", f.origin, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/gh-readonly-queue/main/").Output()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	refs := []any{}
	for line := range strings.Lines(string(out)) {
		sha, ref, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs = append(refs, map[string]any{"ref": ref, "object": map[string]string{"sha": sha}})
	}
	answer(w, refs)
}

// listComments returns one comment per page, so that a client that reads only the first page
// fails.
func (f *fakeGitHub) listComments(w http.ResponseWriter, r *http.Request) {
	on := []*fakeComment{}
	for _, c := range f.comments {
		if c.on == r.PathValue("number") {
			on = append(on, c)
		}
	}
	page, _ := strconv.Atoi(r.FormValue("page"))
	if page+1 < len(on) {
		w.Header().Set("Next", fmt.Sprintf("http://%s%s?page=%d", r.Host, r.URL.Path, page+1))
	}
	answer(w, on[min(page, len(on)):min(page+1, len(on))])
}

func (f *fakeGitHub) editIssue(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("number"))
	fields := sent(r)
	if fields["state"] != "" {
		f.issues[n-1].State = fields["state"]
	}
	if fields["body"] != "" {
		f.issues[n-1].Body = fields["body"]
	}
	answer(w, nil)
}

func sent(r *http.Request) map[string]string {
	data, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(data))
	fields := map[string]string{}
	_ = json.Unmarshal(data, &fields)
	return fields
}

func answer(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v)
}
