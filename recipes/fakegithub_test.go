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
	"strconv"
	"strings"
	"testing"
)

// gh does what the recipes use `gh api` for, at the fake GitHub. Its --jq is gojq, which gh
// uses too.
func gh(args []string) error {
	if len(args) < 2 || args[0] != "api" || os.Getenv("GH_TOKEN") == "" {
		return fmt.Errorf("want gh api, and GH_TOKEN; got %q", args)
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
	pulls    []fakePull
	comments []*fakeComment
	issues   []*fakeIssue
	calls    []string
}

type fakePull struct {
	Number         int    `json:"number"`
	MergeCommitSHA string `json:"merge_commit_sha"`
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
	mux.HandleFunc("GET "+repo+"/commits/{sha}/pulls", func(w http.ResponseWriter, _ *http.Request) { answer(w, f.pulls) })
	mux.HandleFunc("GET "+repo+"/issues/{number}/comments", f.listComments)
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
		f.calls = append(f.calls, r.Method+" "+r.URL.Path)
		r.Body = io.NopCloser(bytes.NewReader(body))
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
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
