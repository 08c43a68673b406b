import sys

from revin_forecast.cli import main

sys.exit(main())
