#ifndef BE_BANDS_H
#define BE_BANDS_H

#include <leptonica/allheaders.h>

#define BE_MAX_BANDS  5

/*
 * Cuts a picture from top to bottom where nothing is printed: edges[0] = 0,
 * edges[n] = its height.  Returns n, 1 where there is no such place.
 */
int be_bands(PIX *grey, int edges[BE_MAX_BANDS + 1]);

/* Whether some part of a picture has a dark ground, that light letters may
 * stand on. */
int be_dark_ground(PIX *grey);

#endif
