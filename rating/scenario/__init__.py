"""Scenarios: what finance was promised, in text that finance can read, correct and add to."""

from rating.scenario.folder import FolderResult, run_folder
from rating.scenario.read import ReadScenarios, read_scenarios
from rating.scenario.run import Failure, ScenarioResult, run_scenario
from rating.scenario.statements import Scenario

__all__ = [
    "Failure",
    "FolderResult",
    "ReadScenarios",
    "Scenario",
    "ScenarioResult",
    "read_scenarios",
    "run_folder",
    "run_scenario",
]
