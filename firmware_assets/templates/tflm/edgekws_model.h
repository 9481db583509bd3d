/* The model as its .tflite file, and one word a class. */
#ifndef EDGEKWS_MODEL_H
#define EDGEKWS_MODEL_H

#include "edgekws_settings.h"

extern const unsigned char edgekws_model[];
extern const unsigned int edgekws_model_bytes;
extern const char *const edgekws_labels[EDGEKWS_CLASSES];

#endif
