package objectstore_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/secretsync/secretsync/objectstore"
)

const account = "0123456789abcdef0123456789abcdef"

func TestParse(t *testing.T) {
	for url, want := range map[string]objectstore.Location{
		"s3://bucket":                       {Scheme: "s3", Bucket: "bucket"},
		"s3://my.bucket-1/a/b.lock":         {Scheme: "s3", Bucket: "my.bucket-1", Path: "a/b.lock"},
		"r2://bucket/a":                     {Scheme: "r2", Bucket: "bucket", Path: "a"},
		"r2://" + account + "/bucket":       {Scheme: "r2", Account: account, Bucket: "bucket"},
		"r2://" + account + "/bucket/a/b":   {Scheme: "r2", Account: account, Bucket: "bucket", Path: "a/b"},
		"r2://" + account:                   {Scheme: "r2", Bucket: account},
		"s3://" + account + "/bucket":       {Scheme: "s3", Bucket: account, Path: "bucket"},
		"s3://bucket/" + longPath(512):      {Scheme: "s3", Bucket: "bucket", Path: longPath(512)},
		"s3://" + strings.Repeat("b", 63):   {Scheme: "s3", Bucket: strings.Repeat("b", 63)},
		"s3://abc":                          {Scheme: "s3", Bucket: "abc"},
		"r2://" + account + "0/a":           {Scheme: "r2", Bucket: account + "0", Path: "a"},
		"r2://g" + account[1:] + "/a":       {Scheme: "r2", Bucket: "g" + account[1:], Path: "a"},
		"s3://bucket/A-Z_a-z.0-9~+=@,/...x": {Scheme: "s3", Bucket: "bucket", Path: "A-Z_a-z.0-9~+=@,/...x"},
	} {
		got, err := objectstore.Parse(url)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", url, got, err, want)
		}
		if got.String() != url {
			t.Errorf("%s: written as %s", url, got)
		}
	}
	got, err := objectstore.Parse("s3://bucket/")
	if err != nil || got.String() != "s3://bucket" {
		t.Errorf("%s, %v", got, err)
	}
	got, err = objectstore.Parse("r2://" + strings.ToUpper(account) + "/bucket")
	if err != nil || got.Account != account {
		t.Errorf("%s, %v", got, err)
	}
}

func longPath(n int) string { return strings.Repeat("p", n) }

func TestParseErrors(t *testing.T) {
	for url, want := range map[string]string{
		"":                                `begins with "s3://"`,
		"bucket/a":                        `begins with "s3://"`,
		"S3://bucket":                     `begins with "s3://"`,
		"gs://bucket":                     `begins with "s3://"`,
		"s3:bucket":                       `begins with "s3://"`,
		"s3://":                           "names no bucket: write s3://BUCKET/PREFIX",
		"r2:///a":                         "names no bucket: write r2://BUCKET/PREFIX",
		"s3://hunter2:hunter2@bucket/a":   "contains a credential",
		"s3://hunter2@bucket":             "contains a credential",
		"s3://bucket?hunter2=hunter2":     "query or a fragment",
		"s3://bucket/a?region=hunter2":    "query or a fragment",
		"s3://bucket/a#hunter2":           "query or a fragment",
		"s3://127.0.0.1:9000/hunter2":     "set AWS_ENDPOINT_URL_S3",
		"s3://Bucket":                     "the bucket's name is not valid",
		"s3://ab":                         "the bucket's name is not valid",
		"s3://-bucket":                    "the bucket's name is not valid",
		"s3://bucket-":                    "the bucket's name is not valid",
		"s3://buc..ket":                   "the bucket's name is not valid",
		"s3://buc_ket":                    "the bucket's name is not valid",
		"s3://" + strings.Repeat("b", 64): "the bucket's name is not valid",
		"r2://" + account + "//a":         "the bucket's name is not valid",
		"s3://bucket/a/":                  "ends with a slash",
		"s3://bucket//a":                  "two slashes",
		"s3://bucket/a//b":                "two slashes",
		"s3://bucket/../other":            `contains ".."`,
		"s3://bucket/a/./b":               `contains "."`,
		"s3://bucket/a b":                 "characters other than",
		"s3://bucket/a%2fb":               "characters other than",
		"s3://bucket/a\\b":                "characters other than",
		"s3://bucket/a\nb":                "characters other than",
		"s3://bucket/ä":                   "characters other than",
		"s3://bucket/" + longPath(513):    "has 513 bytes",
	} {
		_, err := objectstore.Parse(url)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", url, err, want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error quotes it: %v", url, err)
		}
	}
}

func TestParseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		url := rapid.SampledFrom([]string{"s3://", "r2://", "r2://" + account + "/", ""}).Draw(t, "start") +
			rapid.StringOf(rapid.RuneFrom([]rune("ab1./-@:?~"))).Draw(t, "rest")
		l, err := objectstore.Parse(url)
		if err != nil {
			return
		}
		again, err := objectstore.Parse(l.String())
		if err != nil || again != l {
			t.Errorf("%q is %+v, and %q is %+v, %v", url, l, l, again, err)
		}
	})
}

func TestSplit(t *testing.T) {
	for path, want := range map[string][2]string{
		"":              {"", ""},
		"name.lock":     {"", "name.lock"},
		"a/name.lock":   {"a", "name.lock"},
		"a/b/name.lock": {"a/b", "name.lock"},
	} {
		l := objectstore.Location{Scheme: "s3", Bucket: "bucket", Path: path}
		folder, name := l.Split()
		l.Path = want[0]
		if folder != l || name != want[1] {
			t.Errorf("%q: %+v and %q", path, folder, name)
		}
	}
}

func TestIsURL(t *testing.T) {
	for text, want := range map[string]bool{"s3://bucket": true, "gs://x": true, "secretsync.lock": false, "C:/x": false, "a//b": false} {
		if objectstore.IsURL(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
