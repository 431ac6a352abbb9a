"""The user interface: the one room that knows Streamlit.

Pages in `pages/` are thin; what they share lies here: the frame and its navigation, the state that lives in a session
and in the URL, thin caches, text in each language, and the live components with their front end.
"""
