# An application of Zephyr as a program of this machine: its prj.conf, its extra modules and its sources.
project(stand_in LANGUAGES C)
file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/prj.conf settings)
foreach(setting ${settings})
  string(REGEX REPLACE "^([A-Z0-9_]+)=(.*)$" "\\1;\\2" setting ${setting})
  set(${setting})
endforeach()
add_executable(app)

macro(zephyr_library_named name)
  set(module ${name})
  add_library(${name} STATIC)
  target_link_libraries(app PRIVATE ${name})
endmacro()

function(zephyr_library_compile_options)
  target_compile_options(${module} PRIVATE ${ARGV})
endfunction()

function(zephyr_library_sources)
  target_sources(${module} PRIVATE ${ARGV})
endfunction()

function(zephyr_include_directories)
  target_include_directories(${module} PUBLIC ${ARGV})
endfunction()

foreach(folder ${ZEPHYR_EXTRA_MODULES})
  string(MD5 place ${folder})
  add_subdirectory(${folder}/zephyr ${CMAKE_BINARY_DIR}/${place})
endforeach()
