import sys

from edgekws.cli import main

sys.exit(main())
