#pragma once
#define USE_NUMBER
