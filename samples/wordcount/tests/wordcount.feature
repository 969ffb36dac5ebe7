Feature: Word count

    Scenario: The words are counted
        When the workflow is finished
        Then all the outputs should be included in the workspace
        And the file "results/counts.txt" should contain "café"
        And the sha256 checksum of the file "results/counts.txt" should be "b94afeaf09736b167145b2bfad6ab1c33c5ed4558a47f8e4b60e2bd8cb7778ba"

    Scenario: Quotes, dollars, percent signs and backslashes arrive as they were written
        When the workflow is finished
        Then the file "results/word report.txt" should contain "100% of it; $HOME, `date` and \n stay"
        And the sha256 checksum of the file "results/word report.txt" should be "c5b102db31738691bef5e029063777e2081ab6e9395092d0e4836396bf0037b6"

    Scenario: The last command ends in a backslash
        When the workflow is finished
        Then the job logs should contain "done: 100%"
