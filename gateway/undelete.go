package gateway

import (
	"net/http"

	"strata"
)

// undelete answers POST /api/objects/{hash}/undelete with the object that is
// back.
func (s *Server) undelete(w http.ResponseWriter, r *http.Request) {
	id, err := strata.ParseObjectID(r.PathValue("id"))
	if err != nil {
		fail(w, err)
		return
	}
	object, err := s.cfg.Objects.Undelete(r.Context(), id)
	if err != nil {
		fail(w, err)
		return
	}
	objects := []Object{object}
	s.temper(r.Context(), objects)
	reply(w, http.StatusOK, objects[0])
}
