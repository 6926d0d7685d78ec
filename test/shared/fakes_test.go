package shared

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/secretsync/secretsync/test/program"
)

// wrangler creates buckets. The arguments of the rest were compared with what wrangler 4.164.0
// prints for --help.
func wrangler(args []string) error {
	if len(args) < 4 || args[0] != "r2" || args[1] != "bucket" {
		return program.ErrArguments
	}
	switch rest := args[3:]; args[2] {
	case "create":
		if len(rest) != 1 {
			return program.ErrArguments
		}
		_, err := send(http.MethodPut, rest[0], nil, nil)
		return err
	case "lifecycle":
		if len(rest) != 6 || rest[0] != "add" || rest[4] != "--expire-days" {
			return program.ErrArguments
		}
		if days, err := strconv.Atoi(rest[5]); err != nil || days < 1 {
			return program.ErrArguments
		}
		// What expires must exist, and be neither a lease nor a lockfile.
		keys, err := list(rest[1], rest[3])
		if err != nil {
			return err
		}
		for _, key := range keys {
			if !strings.Contains(key, ".lock.journal/") {
				return fmt.Errorf("%s would expire", key)
			}
		}
		if len(keys) == 0 {
			return fmt.Errorf("there is no object with the prefix %s", rest[3])
		}
		return nil
	}
	return program.ErrArguments
}

// aws knows the commands of the page.
func aws(args []string) error {
	if len(args) < 2 {
		return program.ErrArguments
	}
	if args[0] == "s3" {
		bucket, ok := strings.CutPrefix(args[len(args)-1], "s3://")
		if !ok || len(args) != 4 || args[1] != "ls" || args[2] != "--recursive" {
			return program.ErrArguments
		}
		keys, err := list(bucket, "")
		for _, key := range keys {
			_, _ = fmt.Fprintln(os.Stdout, "2026-11-27 12:00:00        500", key)
		}
		return err
	}
	options, file, err := parse(args[2:])
	if err != nil || args[0] != "s3api" {
		return program.ErrArguments
	}
	bucket, key := options["--bucket"], options["--bucket"]+"/"+options["--key"]
	switch args[1] {
	case "create-bucket":
		_, err = send(http.MethodPut, bucket, nil, nil)
	case "put-bucket-versioning":
		if options["--versioning-configuration"] != "Status=Enabled" {
			return program.ErrArguments
		}
		_, err = send(http.MethodPut, bucket, url.Values{"versioning": {""}},
			[]byte("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"))
	case "put-bucket-lifecycle-configuration":
		return checkLifecycle(strings.TrimPrefix(options["--lifecycle-configuration"], "file://"))
	case "list-object-versions":
		var answer []byte
		if answer, err = send(http.MethodGet, bucket, url.Values{"versions": {""}, "prefix": {options["--prefix"]}}, nil); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(versionIDs(string(answer)))
		}
	case "get-object":
		var data []byte
		if data, err = send(http.MethodGet, key, url.Values{"versionId": {options["--version-id"]}}, nil); err == nil {
			_, _ = fmt.Fprintln(os.Stdout, "{}")
			err = os.WriteFile(file, data, 0o600)
		}
	case "put-object":
		var data []byte
		if data, err = os.ReadFile(options["--body"]); err == nil {
			_, _ = fmt.Fprintln(os.Stdout, "{}")
			_, err = send(http.MethodPut, key, nil, data)
		}
	default:
		return program.ErrArguments
	}
	return err
}

// parse splits arguments into options, each with a value, and a file.
func parse(args []string) (options map[string]string, file string, err error) {
	options = map[string]string{}
	for ; len(args) > 1; args = args[2:] {
		if !strings.HasPrefix(args[0], "--") {
			return nil, "", program.ErrArguments
		}
		options[args[0]] = args[1]
	}
	if len(args) == 1 {
		file = args[0]
	}
	return options, file, nil
}

// checkLifecycle reads the rules as AWS's SDK declares them.
func checkLifecycle(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var c types.BucketLifecycleConfiguration
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return err
	}
	for _, r := range c.Rules {
		e := r.Expiration
		if r.Status != types.ExpirationStatusEnabled || r.NoncurrentVersionExpiration == nil || e != nil && (e.Days != nil || e.Date != nil) {
			return fmt.Errorf("the rule lets current objects expire: %s", data)
		}
	}
	return nil
}

// list returns the keys of a bucket's objects.
func list(bucket, prefix string) ([]string, error) {
	answer, err := send(http.MethodGet, bucket, url.Values{"list-type": {"2"}, "prefix": {prefix}}, nil)
	if err != nil {
		return nil, err
	}
	var found struct {
		Contents []struct{ Key string }
	}
	if err := xml.Unmarshal(answer, &found); err != nil {
		return nil, err
	}
	var keys []string
	for _, c := range found.Contents {
		keys = append(keys, c.Key)
	}
	return keys, nil
}

// versionIDs returns the versions of a list of them.
func versionIDs(answer string) []string {
	var found struct {
		Version []struct{ Key, VersionId string } //nolint:revive // as S3 spells it
	}
	if err := xml.Unmarshal([]byte(answer), &found); err != nil {
		return nil
	}
	var ids []string
	for _, v := range found.Version {
		if strings.HasSuffix(v.Key, ".lock") {
			ids = append(ids, v.VersionId)
		}
	}
	return ids
}

// send sends a request to the object store, which checks no signatures.
func send(method, path string, query url.Values, body []byte) ([]byte, error) {
	address := os.Getenv("AWS_ENDPOINT_URL_S3") + "/" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequest(method, address, bytes.NewReader(body)) //nolint:noctx // a program of its own
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, data)
	}
	return data, err
}
