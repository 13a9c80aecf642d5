package object

import (
	"context"
	"io"
	"maps"

	"strata"
	"strata/catalog"
)

// UploadRequest asks for a multipart upload.
type UploadRequest struct {
	Bucket      string
	Name        string
	ContentType string
	Meta        map[string]string
}

// PartRequest asks for a part of an upload to be stored.
type PartRequest struct {
	Upload strata.ObjectID
	Number int   // 1 to catalog.MaxParts; a part of that number is replaced
	Size   int64 // as in PutRequest
	Body   io.Reader
	Finish func(size int64, digest [32]byte) (map[string]string, error) // as in PutRequest
}

// CreateUpload begins a multipart upload. Code NotFound if there is no such bucket.
func (s *Store) CreateUpload(ctx context.Context, r UploadRequest) (catalog.Upload, error) {
	u := catalog.Upload{ID: newID(), Bucket: r.Bucket, Key: r.Name, ContentType: r.ContentType, Meta: maps.Clone(r.Meta), Created: s.now()}
	return u, s.cat.CreateUpload(ctx, u)
}

// PutPart stores a part, with the promise and the codes of Put. A part may be empty.
func (s *Store) PutPart(ctx context.Context, r PartRequest) (Info, error) {
	u, err := s.cat.Upload(ctx, r.Upload)
	if err != nil {
		return Info{}, err
	}
	put := PutRequest{Bucket: u.Bucket, Name: u.Key, Size: r.Size, Body: r.Body, AllowEmpty: true, Finish: r.Finish}
	return s.ingest(ctx, put, func(ctx context.Context, o catalog.Object) error {
		return s.cat.CommitPart(ctx, r.Upload, r.Number, o)
	})
}

// Uploads returns a bucket's uploads under way, by name.
func (s *Store) Uploads(ctx context.Context, bucket string) ([]catalog.Upload, error) {
	return s.cat.Uploads(ctx, bucket)
}

// Upload returns an upload under way.
func (s *Store) Upload(ctx context.Context, id strata.ObjectID) (catalog.Upload, error) {
	return s.cat.Upload(ctx, id)
}

// Parts returns an upload's parts, by number.
func (s *Store) Parts(ctx context.Context, upload strata.ObjectID) ([]catalog.UploadPart, error) {
	return s.cat.Parts(ctx, upload)
}

// Complete makes an upload an object of the parts named, in ascending order. No
// byte is moved; the other parts are deleted. meta is added to the upload's. Code
// Conflict if the condition does not hold: the upload is under way as before.
func (s *Store) Complete(ctx context.Context, upload strata.ObjectID, parts []int, meta map[string]string, cond catalog.Condition) (Info, error) {
	u, err := s.cat.Upload(ctx, upload)
	if err != nil {
		return Info{}, err
	}
	all := map[string]string{}
	maps.Copy(all, u.Meta)
	maps.Copy(all, meta)
	if err := s.cat.CompleteUpload(ctx, upload, parts, catalog.Object{Meta: all, Modified: s.now()}, cond); err != nil {
		return Info{}, err
	}
	s.nudge()
	o, err := s.cat.Object(ctx, upload)
	return infoOf(o), err
}

// Abort deletes an upload and its parts.
func (s *Store) Abort(ctx context.Context, upload strata.ObjectID) error {
	if err := s.cat.AbortUpload(ctx, upload, s.now()); err != nil {
		return err
	}
	s.nudge()
	return nil
}
