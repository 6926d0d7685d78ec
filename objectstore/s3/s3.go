// Package s3 is an [objectstore.Store] in a bucket of S3, Cloudflare R2, or any other store with
// S3's API that supports conditional writes. Call [Open].
package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/secretsync/secretsync/objectstore"
)

// Limits of requests.
const (
	putTimeout    = 10 * time.Second
	putRate       = 256 << 10 // bytes for which a PUT may take one second more
	timeout       = 30 * time.Second
	deleteBatch   = 1000 // keys in a DeleteObjects request
	singleDeletes = 8    // DELETE requests side by side
)

// Store keeps objects in a bucket, under a prefix.
type Store struct {
	client   *s3.Client
	location objectstore.Location
}

var _ objectstore.Store = (*Store)(nil)

// String implements [objectstore.Store].
func (s *Store) String() string { return s.location.String() }

// key returns the key in the bucket.
func (s *Store) key(key string) string {
	if s.location.Path == "" {
		return key
	}
	return s.location.Path + "/" + key
}

// Get implements [objectstore.Store].
func (s *Store) Get(ctx context.Context, key string) (objectstore.Object, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := s.client.GetObject(limited, &s3.GetObjectInput{Bucket: &s.location.Bucket, Key: aws.String(s.key(key))})
	if err != nil {
		return objectstore.Object{}, s.explain(ctx, "read", key, err)
	}
	defer out.Body.Close() //nolint:errcheck // it was read as far as needed
	data, err := io.ReadAll(io.LimitReader(out.Body, objectstore.MaxSize+1))
	switch {
	case err != nil:
		return objectstore.Object{}, s.explain(ctx, "read", key, err)
	case len(data) > objectstore.MaxSize:
		return objectstore.Object{}, fmt.Errorf("read %s/%s: %w: it has more than %d bytes", s, key, objectstore.ErrRefused, objectstore.MaxSize)
	case aws.ToString(out.ETag) == "":
		return objectstore.Object{}, fmt.Errorf("read %s/%s: %w: it has no ETag, so conditional writes are impossible",
			s, key, objectstore.ErrRefused)
	}
	return objectstore.Object{Data: data, Version: objectstore.Version(*out.ETag)}, nil
}

// Put implements [objectstore.Store].
func (s *Store) Put(ctx context.Context, key string, data []byte, c objectstore.Condition) (objectstore.Version, error) {
	limited, cancel := context.WithTimeout(ctx, putTimeout+time.Duration(len(data)/putRate)*time.Second)
	defer cancel()
	in := &s3.PutObjectInput{
		Bucket: &s.location.Bucket, Key: aws.String(s.key(key)), Body: bytes.NewReader(data),
		ContentLength: aws.Int64(int64(len(data))), ContentType: aws.String("application/json"),
	}
	if c.Match == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = aws.String(string(c.Match))
	}
	out, err := s.client.PutObject(limited, in)
	switch {
	case err != nil:
		return "", s.explain(ctx, "write", key, err)
	case aws.ToString(out.ETag) == "":
		return "", fmt.Errorf("write %s/%s: the answer has no ETag, so conditional writes are impossible", s, key)
	}
	return objectstore.Version(*out.ETag), nil
}

// Delete implements [objectstore.Store]. Several objects are deleted by DeleteObjects, or one by
// one if the store does not implement that.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for len(keys) > 1 {
		batch := keys[:min(len(keys), deleteBatch)]
		if supported, err := s.deleteBatch(ctx, batch); err != nil || !supported {
			if err != nil {
				return err
			}
			break
		}
		keys = keys[len(batch):]
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(singleDeletes)
	for _, key := range keys {
		g.Go(func() error { return s.deleteOne(ctx, key) })
	}
	return g.Wait()
}

func (s *Store) deleteOne(ctx context.Context, key string) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := s.client.DeleteObject(limited, &s3.DeleteObjectInput{Bucket: &s.location.Bucket, Key: aws.String(s.key(key))})
	if err == nil || parse(err).missing() {
		return nil
	}
	return s.explain(ctx, "delete", key, err)
}

// deleteBatch deletes up to deleteBatch objects. It reports whether the store supports that.
func (s *Store) deleteBatch(ctx context.Context, keys []string) (supported bool, err error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	objects := make([]types.ObjectIdentifier, len(keys))
	for i, key := range keys {
		objects[i].Key = aws.String(s.key(key))
	}
	out, err := s.client.DeleteObjects(limited, &s3.DeleteObjectsInput{
		Bucket: &s.location.Bucket, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	})
	if err != nil {
		if parse(err).unsupported() {
			return false, nil
		}
		return true, s.explain(ctx, "delete", keys[0], err)
	}
	for _, e := range out.Errors {
		a := answer{code: aws.ToString(e.Code), message: aws.ToString(e.Message)}
		if a.missing() {
			continue
		}
		if a.code == "AccessDenied" {
			a.status = 403
		}
		return true, fmt.Errorf("delete %s in %s: %w", aws.ToString(e.Key), s, s.classify("delete", a))
	}
	return true, nil
}
